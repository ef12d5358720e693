"""The truth of a shop as tables, one Parquet file each.

| table | one row per |
|---|---|
| shop | shop: the arguments it was made with |
| files | file: its rows by kind |
| dirty | row that cannot be read |
| customers | customer, guests apart: segment, rates, first order, when it leaves |
| buying | month and customer there after it: probability of an order in the next 30 days |
| days | day: expected orders, units, amount |
| demand | month and good on sale: weight and expected units |
| goods | good: elasticity, cost, lead time, launch, delisting, names |
| promotions | promotion |
| stockouts | good and day out of stock: units lost |
| bundles | good that another brings with it |
| pairs | pair of goods that meets: what there is between the two, expected count |
| returns | returned line: the sale it undoes |
| return_shares | segment and category: how likely a line comes back |
| anomalies | anomaly and day |
| reviews | review: what it is about, what its writer thinks, the campaign it is of |
| review_files | file of reviews: its rows by kind |
| review_dirty | row of reviews that cannot be read |
| review_shares | month, category and topic: its share of the sentences, and what is thought of it |
| review_goods | month and good: what is thought of it |
| review_campaigns | planted campaign |
| review_words | topic and word of it: how probable |
| review_soured | good that is spoilt one day: the month, and by how much |

A month is named by its first day, and `as_of` a month means: at the end of it. Amounts are in the shop's
currency, rates a month of 30.4375 days. Expectations are given who the customers are and when they leave;
guests are in them, returns and giant orders are not. "Usual" is what would be without stock-outs, anomalies
and the missing day. Numbers are rounded to six digits after the point.

Those of reviews are there if reviews were asked for; opinions are in standard deviations of one customer's from
another's.

Tables that grow with the sales are written in parts and joined at the end, so memory stays bounded.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

from simulator import baskets, customers, days, expected, goods, pairs, returns
from simulator.exact import Floats, Integers
from simulator.parameters import DAYS_A_MONTH, Parameters
from simulator.receipts import CLEAN, DIRT, DUPLICATE
from simulator.shop import MonthOfShop

BUYING_DAYS = 30
_DIGITS = 6
_PART_ROWS = 500_000


@dataclass(slots=True)
class Truth:
    """Writes the tables of a shop into a folder.

    Attributes:
        folder: Where the tables go.
        parameters: The shop's.
        seed: The shop's.
        first_day: Day 0.
    """

    folder: Path
    parameters: Parameters
    seed: int
    first_day: date
    _held: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    _parts: dict[str, int] = field(default_factory=dict)
    _together: pairs.Together = field(default_factory=pairs.Together)
    _last: MonthOfShop | None = None

    def __enter__(self) -> Self:
        shutil.rmtree(self._hidden, ignore_errors=True)
        self._hidden.mkdir(parents=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._hidden, ignore_errors=True)

    @property
    def _hidden(self) -> Path:
        return self.folder / ".parts"

    def describe(self, *, preset: str, months: int, asked: int) -> None:
        """Write what the shop was made with; the seed as text, for it may be of any size."""
        self._keep(
            "shop",
            pl.DataFrame(
                {
                    "preset": [preset],
                    "seed": [str(self.seed)],
                    "first_month": [self.first_day],
                    "months": [months],
                    "customers": [asked],
                }
            ),
        )

    def add(self, made: MonthOfShop, file: str) -> None:
        """Write what a month adds to the tables."""
        codes = pl.Series(goods.stock_codes(self.parameters, np.arange(len(made.goods))), dtype=pl.String)
        tables = {
            "files": _files(made, file),
            "dirty": _dirty(made, file),
            "days": self._days(made),
            "demand": _demand(made, codes),
            "promotions": self._promotions(made, codes),
            "stockouts": self._stockouts(made, codes),
            "anomalies": self._anomalies(made, codes),
            "returns": _returns(made, codes),
            "buying": self._buying(made),
        }
        self.keep(tables)
        self._together.add(self.parameters, made)
        self._last = made

    def finish(self) -> tuple[Path, ...]:
        """Write the tables of the whole shop, join the months' parts and put every table in its place."""
        if self._last is not None:
            self._keep("customers", self._customers(self._last))
            self._keep("goods", self._goods(self._last))
            self._keep("return_shares", self._return_shares())
            self._keep("bundles", self._bundles(self._last))
            self._keep("pairs", self._together.table(self.parameters, self._last))
        written = []
        for name, held in self._held.items():
            whole = self._hidden / f"{name}.parquet"
            if name in self._parts:
                parts = pl.scan_parquet(self._hidden / f"{name}_*.parquet")
                pl.concat([parts, *(part.lazy() for part in held)]).sink_parquet(whole)
            else:
                pl.concat(held).write_parquet(whole)
            written.append(whole.replace(self.folder / f"{name}.parquet"))
        return tuple(sorted(written))

    def keep(self, tables: Mapping[str, pl.DataFrame]) -> None:
        """Write what is known besides to tables of these names."""
        for name, table in tables.items():
            self._keep(name, table)

    def _keep(self, name: str, table: pl.DataFrame) -> None:
        """Hold a table's rows until there are enough of them for a part."""
        held = self._held.setdefault(name, [])
        held.append(table)
        if sum(part.height for part in held) >= _PART_ROWS:
            number = self._parts.get(name, 0)
            pl.concat(held).write_parquet(self._hidden / f"{name}_{number:06}.parquet")
            self._parts[name] = number + 1
            held.clear()

    def _dates(self, numbers: npt.ArrayLike) -> pl.Series:
        """Dates of day numbers; null where they lie too far away to be meant."""
        since = np.asarray(numbers, dtype=np.int64)
        found = np.datetime64(self.first_day, "D") + since.astype("timedelta64[D]")
        return pl.Series(np.where(since < int(customers.NEVER), found, np.datetime64("NaT", "D")))

    def _days(self, made: MonthOfShop) -> pl.DataFrame:
        """One row a day: what it is, and what it should sell."""
        month = made.month
        dates = [month.first + timedelta(days=number) for number in range(month.days)]
        return pl.DataFrame(
            {
                "day": dates,
                "is_open": days.open_days(self.first_day, month.start, month.stop, self.parameters),
                "is_holiday": [day in days.holidays(day.year) for day in dates],
                "is_missing": np.isin(np.arange(month.start, month.stop), made.missing),
                "expected_orders": _rounded(made.expected.orders),
                "expected_units": _rounded(made.expected.units.sum(axis=1)),
                "expected_amount": _rounded(made.expected.amount / 100),
                "usual_orders": _rounded(made.usual.orders),
                "usual_units": _rounded(made.usual.units.sum(axis=1)),
                "usual_amount": _rounded(made.usual.amount / 100),
                "amount_deviation": _rounded(made.deviation / 100),
            }
        )

    def _promotions(self, made: MonthOfShop, codes: pl.Series) -> pl.DataFrame:
        """One row a promotion; both ends included."""
        promoted = made.shelf.is_promoted
        good = np.flatnonzero(promoted.any(axis=0))
        begins = promoted.argmax(axis=0)[good] + made.month.start
        return pl.DataFrame(
            {
                "stock_code": codes.gather(good),
                "begins_on": self._dates(begins),
                "ends_on": self._dates(begins + promoted.sum(axis=0)[good] - 1),
                "depth": _rounded(made.shelf.depth[good]),
            }
        )

    def _stockouts(self, made: MonthOfShop, codes: pl.Series) -> pl.DataFrame:
        """One row a good and day out of stock."""
        day, good = np.nonzero(made.shelf.is_out)
        return pl.DataFrame(
            {
                "stock_code": codes.gather(good),
                "day": self._dates(day + made.month.start),
                "lost_units": _rounded(made.usual.units[day, good]),
            }
        )

    def _anomalies(self, made: MonthOfShop, codes: pl.Series) -> pl.DataFrame:
        """One row an anomaly and day, on days on which it can show."""
        month = made.month
        upset = made.disturbances
        place = upset.day - month.start
        is_trading = (made.intensities[0] > 0) & (made.factor > 0)
        shows = is_trading[place]
        place = place[shows]
        units = made.usual.units.sum(axis=1), made.expected.units.sum(axis=1)
        whole = pl.DataFrame(
            {
                "kind": pl.Series(["shop"] * len(place), dtype=pl.String),
                "stock_code": pl.Series([None] * len(place), dtype=pl.String),
                "day": self._dates(place + month.start),
                "factor": _rounded(made.factor[place]),
                "sigmas": _rounded(upset.sigmas[shows]),
                "usual_units": _rounded(units[0][place]),
                "expected_units": _rounded(units[1][place]),
            }
        )
        day, good = np.nonzero((made.shelf.factor != 1) & (made.shelf.weight > 0) & is_trading[:, None])
        single = pl.DataFrame(
            {
                "kind": pl.Series(["good"] * len(day), dtype=pl.String),
                "stock_code": codes.gather(good),
                "day": self._dates(day + month.start),
                "factor": _rounded(made.shelf.factor[day, good]),
                "sigmas": pl.Series([None] * len(day), dtype=pl.Float64),
                "usual_units": _rounded(made.usual.units[day, good]),
                "expected_units": _rounded(made.expected.units[day, good]),
            }
        )
        missing = pl.DataFrame(
            {
                "kind": pl.Series(["missing"] * len(made.missing), dtype=pl.String),
                "stock_code": pl.Series([None] * len(made.missing), dtype=pl.String),
                "day": self._dates(made.missing),
                "factor": np.zeros(len(made.missing)),
                "sigmas": pl.Series([None] * len(made.missing), dtype=pl.Float64),
                "usual_units": _rounded(units[0][made.missing - month.start]),
                "expected_units": np.zeros(len(made.missing)),
            }
        )
        return pl.concat([whole, single, missing])

    def _buying(self, made: MonthOfShop) -> pl.DataFrame:
        """One row a month and customer who is there after it: how likely an order in the next days is."""
        stop = made.month.stop
        coming = days.intensities(self.first_day, stop, stop + BUYING_DAYS, self.parameters)
        kinds = expected.by_category(made.goods.category, made.weight, self.parameters.categories)
        probability = order_probability(self.parameters, made.customers, made.present, kinds, coming)
        return pl.DataFrame(
            {
                "as_of": pl.repeat(made.month.first, len(made.present), dtype=pl.Date, eager=True),
                "customer_id": self._customer_ids(made.present),
                "probability": _rounded(probability),
            }
        )

    def _customer_ids(self, numbers: Integers) -> pl.Series:
        return pl.Series(numbers + self.parameters.first_customer).cast(pl.String)

    def _customers(self, made: MonthOfShop) -> pl.DataFrame:
        """One row a customer."""
        who = made.customers
        chance = baskets.chance_of_any(who.basket, self.parameters.visit_shape)
        if self.parameters.is_every_visit_an_order:
            chance = np.ones(len(who))
        names = pl.Series([segment.name for segment in self.parameters.segments])
        leaves = np.ceil(np.minimum(who.leaves, customers.NEVER)).astype(np.int64)
        return pl.DataFrame(
            {
                "customer_id": self._customer_ids(np.arange(len(who))),
                "segment": names.gather(who.segment),
                "country": pl.Series(customers.COUNTRIES).gather(who.country),
                "first_order_on": self._dates(who.began),
                "leaves_on": self._dates(leaves),
                "has_left": (who.leaves <= made.month.stop) | (who.orders_left <= 0),
                "visits_a_month": _rounded(who.visits_a_day * DAYS_A_MONTH),
                "orders_a_month": _rounded(who.visits_a_day * DAYS_A_MONTH * chance),
                "dropout_a_month": _rounded(who.dropout_a_day * DAYS_A_MONTH),
                "basket_units": _rounded(who.basket),
                "taste": pl.Series(np.round(who.taste, _DIGITS)).cast(pl.List(pl.Float64)),
            }
        )

    def _goods(self, made: MonthOfShop) -> pl.DataFrame:
        """One row a good."""
        ware = made.goods
        kinds = pl.Series([goods.category_name(kind) for kind in range(self.parameters.categories)])
        return pl.DataFrame(
            {
                "stock_code": goods.stock_codes(self.parameters, np.arange(len(ware))),
                "name": goods.names(ware.category, 0),
                "later_name": goods.names(ware.category, 1),
                "category": kinds.gather(ware.category),
                "base_price": ware.base_cents / 100,
                "unit_cost": ware.cost_cents / 100,
                "elasticity": _rounded(ware.elasticity),
                "share": _rounded(ware.share),
                "lead_days": _rounded(ware.lead_days),
                "launched_on": self._dates(ware.launched),
                "delisted_on": self._dates(made.delisted),
                "renamed_on": self._dates(ware.renamed),
            }
        ).with_columns(later_name=pl.when(pl.col("renamed_on").is_not_null()).then("later_name"))

    def _bundles(self, made: MonthOfShop) -> pl.DataFrame:
        """One row a good that another brings with it, and how often."""
        codes = pl.Series(goods.stock_codes(self.parameters, np.arange(len(made.goods))), dtype=pl.String)
        leads, added, probability = made.combined.links()
        return pl.DataFrame(
            {
                "lead_code": codes.gather(leads),
                "added_code": codes.gather(added),
                "probability": probability,
            }
        )

    def _return_shares(self) -> pl.DataFrame:
        """One row a segment and category: how likely a line comes back."""
        table = returns.shares(self.parameters, self.seed)
        segment, category = np.indices(table.shape)
        return pl.DataFrame(
            {
                "segment": [self.parameters.segments[k].name for k in segment.ravel()],
                "category": [goods.category_name(int(k)) for k in category.ravel()],
                "probability": _rounded(table.ravel()),
            }
        )


def order_probability(
    parameters: Parameters,
    who: customers.Customers,
    present: Integers,
    category_weights: Floats,
    coming: Floats,
) -> Floats:
    """Probability of an order within the coming days, of customers who are there on the first of them.

    Args:
        parameters: The shop's.
        who: All customers.
        present: Numbers of those asked about.
        category_weights: Mean weight of each category.
        coming: How busy the days will be, segments x days.
    """
    wanted = (who.taste[present] * category_weights).sum(axis=1) * who.basket[present]
    chance = baskets.chance_of_any(wanted, parameters.visit_shape)
    if parameters.is_every_visit_an_order:
        chance = np.ones(len(present))
    rate = who.visits_a_day[present] * chance
    leaving = -np.expm1(-who.dropout_a_day[present])
    none = np.ones(len(present))
    for day in coming.T[::-1]:
        none = np.exp(-rate * day[who.segment[present]]) * (leaving + (1 - leaving) * none)
    return np.asarray(1 - none)


def _rounded(values: Floats) -> Floats:
    return np.round(values, _DIGITS)


def _files(made: MonthOfShop, file: str) -> pl.DataFrame:
    """One row a file: how many rows of what kind it holds."""
    rows = made.receipts
    is_line = rows.fate == CLEAN
    is_return = rows.is_return[rows.receipt]
    return pl.DataFrame(
        {
            "file": [file],
            "month": [made.month.first],
            "rows": [len(rows)],
            "sale_lines": [int((is_line & ~is_return).sum())],
            "return_lines": [int((is_line & is_return).sum())],
            "guest_lines": [int((is_line & (rows.customer < 0)[rows.receipt]).sum())],
            "duplicate_rows": [int((rows.fate == DUPLICATE).sum())],
            "dirty_rows": [int((rows.fate >= 0).sum())],
        }
    )


def _dirty(made: MonthOfShop, file: str) -> pl.DataFrame:
    """One row a dirty row; row 1 is the first after the header."""
    which = np.flatnonzero(made.receipts.fate >= 0)
    return pl.DataFrame(
        {
            "file": pl.Series([file] * len(which), dtype=pl.String),
            "row": which + 1,
            "kind": pl.Series(DIRT).gather(made.receipts.fate[which]),
        }
    )


def _demand(made: MonthOfShop, codes: pl.Series) -> pl.DataFrame:
    """One row a month and good on sale in it."""
    good = np.flatnonzero(made.shelf.is_listed.any(axis=0))
    return pl.DataFrame(
        {
            "month": pl.repeat(made.month.first, len(good), dtype=pl.Date, eager=True),
            "stock_code": codes.gather(good),
            "weight": _rounded(made.weight[good]),
            "expected_units": _rounded(made.expected.units.sum(axis=0)[good]),
            "usual_units": _rounded(made.usual.units.sum(axis=0)[good]),
        }
    )


def _returns(made: MonthOfShop, codes: pl.Series) -> pl.DataFrame:
    """One row a returned line, with the invoice it was sold on; null if there is no such sale."""
    back = made.returned
    number = pl.Series(back.sale_invoice)
    return pl.DataFrame(
        {
            "invoice": "C" + pl.Series(made.return_invoice).cast(pl.String),
            "sale_invoice": pl.select(pl.when(number > 0).then(number.cast(pl.String))).to_series(),
            "stock_code": codes.gather(back.good),
            "quantity": back.quantity,
            "kind": pl.Series(returns.KINDS).gather(back.kind),
        }
    )
