"""forecasts: what their queries give of hand-made rows."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.forecasts import anomalies, sales
from warehouse.plan import month_range
from warehouse.tables import TABLES

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]

OCTOBER, NOVEMBER, DECEMBER = date(2011, 10, 1), date(2011, 11, 1), date(2011, 12, 1)
FORETOLD = "as_of,grain,measure,level,series,is_rest,starts_on,step,model,mean,lo_80,hi_80,lo_95,hi_95"


def made(tables: Any, *names: str, until: date, since: date = OCTOBER) -> None:
    """Fill tables as their queries have it."""
    for name in names:
        tables.execute(f"INSERT INTO {name} BY NAME {TABLES[name].query}", {"start": since, "end": until})


@pytest.fixture
def shop(fill: Fill, tables: Any) -> None:
    """Two countries and two mugs in October and November, both seen to their last day but one."""
    ends(fill, october=date(2011, 10, 31), november=date(2011, 11, 30))
    fill(
        "core.sales_days", "month,day,country,orders,amount",
        (OCTOBER, date(2011, 10, 30), "EIRE", 2, 10), (OCTOBER, date(2011, 10, 30), "France", 1, 5),
        (NOVEMBER, date(2011, 11, 2), "EIRE", 3, 20), (NOVEMBER, date(2011, 11, 29), "EIRE", 1, 7),
        (NOVEMBER, date(2011, 11, 30), "France", 0, 0),
    )  # fmt: skip
    fill(
        "core.product_weeks", "month,week,product_id,amount",
        (OCTOBER, date(2011, 10, 24), "M1", 15), (NOVEMBER, date(2011, 10, 31), "M1", 12),
        (NOVEMBER, date(2011, 10, 31), "M2", 8), (NOVEMBER, date(2011, 11, 28), "M2", 7),
    )  # fmt: skip
    fill(
        "core.product_months", "month,product_id,category,amount",
        (OCTOBER, "M1", "Mugs", 15), (NOVEMBER, "M1", "Other", 12), (NOVEMBER, "M2", "Mugs", 15),
    )  # fmt: skip
    made(tables, "forecasts.series", until=DECEMBER)


def foretold(fill: Fill, *rows: tuple[Any, ...]) -> None:
    """grain, measure, level, series, first day, mean: as of October, between 1 below and 1 above."""
    fill(
        "forecasts.sales", FORETOLD,
        *((OCTOBER, *row[:4], False, row[4], 2, "ETS", row[5], row[5] - 1, row[5] + 1, row[5] - 2, row[5] + 2) for row in rows),
    )  # fmt: skip


def ends(fill: Fill, **first_ahead: date) -> None:
    """The first day that is foretold as of each month; of a rest, which is not judged."""
    for month, day in first_ahead.items():
        as_of = {"october": OCTOBER, "november": NOVEMBER, "december": DECEMBER}[month]
        fill(
            "forecasts.sales", FORETOLD,
            (as_of, "day", "amount", "product", "Rest", True, day, 1, "ETS", 1, 1, 1, 1, 1),
        )  # fmt: skip


def test_each_forecast_meets_what_came(shop: None, fill: Fill, run: Run) -> None:
    foretold(
        fill,
        ("day", "amount", "total", "All", date(2011, 11, 2), 21), ("day", "orders", "country", "EIRE", date(2011, 11, 2), 6),
        ("day", "amount", "country", "France", date(2011, 11, 3), 3),
        ("week", "amount", "product", "M1", date(2011, 10, 31), 12),
        ("week", "amount", "category", "Mugs", date(2011, 10, 31), 20),
        ("month", "amount", "product", "M2", OCTOBER, 1),
    )  # fmt: skip
    found = [
        (row["grain"], row["level"], row["actual"], row["error"], row["is_held_80"], row["is_held_95"])
        for row in run("forecasts.accuracy", NOVEMBER, DECEMBER)
    ]
    assert found == [
        ("day", "country", Decimal(0), Decimal(3), False, False),
        ("day", "total", Decimal(20), Decimal(1), True, True),
        ("day", "country", Decimal(3), Decimal(3), False, False),
        ("month", "product", Decimal(0), Decimal(1), True, True),
        ("week", "category", Decimal(20), Decimal(0), True, True),
        ("week", "product", Decimal(12), Decimal(0), True, True),
    ]


def test_what_had_not_come_to_its_end_is_not_judged(shop: None, fill: Fill, run: Run) -> None:
    """The last sale of November is on the 29th: the 30th, its week and its month are not known to have ended."""
    foretold(
        fill,
        ("day", "amount", "total", "All", date(2011, 11, 30), 1), ("week", "amount", "total", "All", date(2011, 11, 28), 1),
        ("month", "amount", "total", "All", NOVEMBER, 1), ("day", "amount", "total", "All", date(2011, 11, 29), 7),
    )  # fmt: skip
    assert [row["starts_on"] for row in run("forecasts.accuracy", NOVEMBER, DECEMBER)] == [date(2011, 11, 29)]


def test_a_forecast_is_judged_once_and_never_by_its_own_month(shop: None, fill: Fill, run: Run) -> None:
    foretold(fill, ("day", "amount", "total", "All", date(2011, 11, 2), 21))
    ends(fill, december=date(2011, 12, 6))
    both = run("forecasts.accuracy", OCTOBER, date(2012, 1, 1))
    assert [(row["as_of"], row["origin"]) for row in both] == [(NOVEMBER, OCTOBER)]
    assert run("forecasts.accuracy", NOVEMBER, DECEMBER) == both
    assert run("forecasts.accuracy", DECEMBER, date(2012, 1, 1)) == []


def test_rests_are_left_out(shop: None, fill: Fill, run: Run) -> None:
    fill(
        "forecasts.sales", FORETOLD,
        (OCTOBER, "week", "amount", "product", "Rest of Mugs", True, date(2011, 10, 31), 1, "ETS", 1, 1, 1, 1, 1),
    )  # fmt: skip
    assert run("forecasts.accuracy", NOVEMBER, DECEMBER) == []


def test_each_step_is_judged_in_the_month_by_which_models_are_judged_by_it(fill: Fill, tables: Any) -> None:
    """A month that ends on a Sunday, on which the shop is closed, had ended: it was judged a month late."""
    fill("seeds.forecasting", "holiday_country", (None,))
    fill("seeds.thresholds", "wholesale_quantity", (1000,))
    first, end = date(2011, 4, 1), date(2011, 11, 1)
    days = [
        day for at in range((end - first).days) for day in [first + timedelta(days=at)] if day.weekday() < 6
    ]
    fill(
        "core.order_lines", LINE, *(line(f"{at}", f"{day} 10:00", 10 + at % 3) for at, day in enumerate(days))
    )
    made(tables, *OF_LINES, since=first, until=end)
    rows = tables.execute(TABLES["forecasts.sales"].query, {"start": first, "end": end}).pl()
    months = month_range(first, OCTOBER)
    foretold_ = sales.compute(rows, months)
    tables.register("foretold", foretold_)
    tables.execute("INSERT INTO forecasts.sales BY NAME SELECT * FROM foretold")
    made(tables, "forecasts.accuracy", since=first, until=end)
    found = tables.execute(
        "SELECT DISTINCT origin, grain, starts_on, as_of FROM forecasts.accuracy"
    ).fetchall()
    assert set(found) == {
        (origin, grain, start, by)
        for (origin, grain), one in sales.origins(rows, months).items()
        for start, by in zip(one.ahead, one.known_by, strict=True)
        if by is not None
    }
    july = date(2011, 7, 1)
    assert {(july, "month", july, july), (july, "day", date(2011, 7, 31), july)} <= {
        (row[3], *row[1:]) for row in found if row[0] == date(2011, 6, 1)
    }


def bounds(name: str) -> dict[str, date]:
    """What the query of a table is told of the month: DuckDB takes no parameter that a query does not name."""
    told = {"start": OCTOBER, "end": NOVEMBER}
    return {key: at for key, at in told.items() if f"${key}" in TABLES[f"forecasts.{name}"].query}


@pytest.mark.parametrize("name", ["said", "sales", "backtest", "anomalies", "rivals"])
def test_series_are_those_of_days_weeks_and_months_up_to_the_end(
    shop: None, fill: Fill, tables: Any, name: str
) -> None:
    fill("seeds.forecasting", "holiday_country", ("DE",))
    found = tables.execute(
        f"SELECT * FROM ({TABLES[f'forecasts.{name}'].query}) ORDER BY ALL", bounds(name)
    ).fetchall()
    found = [row[:8] for row in found]
    assert found == [
        ("day", date(2011, 10, 30), "EIRE", None, None, 2, Decimal(10), "DE"),
        ("day", date(2011, 10, 30), "France", None, None, 1, Decimal(5), "DE"),
        ("month", OCTOBER, None, "M1", "Mugs", None, Decimal(15), "DE"),
        ("week", date(2011, 10, 24), None, "M1", None, None, Decimal(15), "DE"),
    ]


def test_days_weeks_and_months_whose_returns_outweigh_their_sales_are_those_of_what_was_sold(
    fill: Fill, tables: Any
) -> None:
    """Net of returns most steps are below 0: no forecast would be of what customers will want."""
    fill("seeds.thresholds", "wholesale_quantity", (1000,))
    fill("seeds.forecasting", "holiday_country", (None,))
    days = [date(2011, 8, 1) + timedelta(days=at) for at in range(122)]
    lines = [
        (day.replace(day=1), f"{'C' if kind == 'return' else ''}{at}-{product}", day, product, sign, sign * amount,
         "EIRE", kind, True, category)
        for at, day in enumerate(days)
        for product, category, sold in (("M1", "Mugs", 10 + at % 3), ("B1", "Bags", 5))
        for kind, sign, amount in (("sale", 1, sold), ("return", -1, 100 * (at % 2)))
    ]  # fmt: skip
    fill(
        "core.order_lines",
        "month,invoice_id,sold_at,product_id,quantity,amount,country,kind,is_goods,category",
        *lines,
    )
    made(
        tables, "core.sales_days", "core.product_weeks", "core.product_months", "forecasts.series",
        since=date(2011, 8, 1), until=DECEMBER,
    )  # fmt: skip
    net = tables.execute("SELECT min(amount - returned_amount) FROM core.sales_days").fetchone()
    assert net[0] < 0
    sold = tables.execute(
        "SELECT grain, sum(amount) FROM forecasts.series GROUP BY grain ORDER BY grain"
    ).fetchall()
    assert sold == [
        (grain, sum(line[5] for line in lines if line[5] > 0)) for grain in ("day", "month", "week")
    ]
    rows = tables.execute(TABLES["forecasts.sales"].query, {"start": NOVEMBER, "end": DECEMBER}).pl()
    found = sales.compute(rows, [NOVEMBER]).filter((pl.col("measure") == "amount") & (pl.col("step") <= 3))
    assert found.select(pl.col(pl.Float64).is_finite().all()).row(0) == (True,) * 5
    for grain, level, series, least, most in (
        ("day", "total", "All", 14, 18), ("week", "category", "Mugs", 70, 84), ("month", "product", "M1", 310, 372),
    ):  # fmt: skip
        means = found.filter(grain=grain, level=level, series=series)["mean"]
        assert len(means) == 3
        assert means.is_between(least, most).all(), (grain, means)


LINE = "month,invoice_id,line,sold_at,customer_id,product_id,quantity,unit_price,amount,country,kind,is_goods,category"
OF_LINES = (
    "core.sales_days",
    "core.product_weeks",
    "core.product_months",
    "core.returns",
    "forecasts.series",
)


def line(
    invoice: str, sold_at: str, quantity: int, *, product: str = "M1", number: int = 1, price: str = "2.5",
    country: str = "EIRE", customer: str | None = "17850",
) -> tuple[Any, ...]:  # fmt: skip
    """One line of a sale, or with units below 0 of a return."""
    kind, amount = ("sale" if quantity > 0 else "return"), quantity * Decimal(price)
    month = date.fromisoformat(sold_at[:10]).replace(day=1)
    return (
        month,
        invoice,
        number,
        sold_at,
        customer,
        product,
        quantity,
        price,
        amount,
        country,
        kind,
        True,
        "Mugs",
    )


SLIPS = (
    # Taken back whole and at once: no sale, and no order.
    line("1", "2011-10-31 09:00", 80_995), line("C1", "2011-10-31 09:12", -80_995),
    # One of two lines: the other is an order still.
    line("2", "2011-11-01 10:00", 7), line("2", "2011-11-01 10:00", 3, product="M2", number=2),
    line("C2", "2011-11-01 11:00", -7),
    # In part and twice, at another price than it was sold at.
    line("3", "2011-11-02 10:00", 10, country="France", customer="b"),
    line("C3", "2011-11-02 11:00", -4, country="France", customer="b", price="2"),
    line("C4", "2011-11-02 12:00", -3, country="France", customer="b", price="2"),
    # A day later, and nobody knows whose: both came back, and were wanted.
    line("5", "2011-11-02 23:50", 5, customer="c"), line("C5", "2011-11-03 00:10", -5, customer="c"),
    line("6", "2011-11-04 10:00", 6, customer=None), line("C6", "2011-11-04 10:05", -6, customer=None),
)  # fmt: skip


def test_what_was_put_right_on_the_day_of_its_sale_is_no_sale(fill: Fill, tables: Any) -> None:
    fill("seeds.thresholds", "wholesale_quantity", (1000,))
    fill("core.order_lines", LINE, *SLIPS)
    made(tables, *OF_LINES, until=DECEMBER)
    found = tables.execute(
        "SELECT grain, day(starts_on), name, orders, amount, corrected_orders, corrected_amount FROM forecasts.series "
        "ORDER BY grain, starts_on, month, name"
    ).fetchall()
    whole = Decimal("202487.5")
    assert found == [
        ("day", 31, "EIRE", 0, 0, 1, whole),
        ("day", 1, "EIRE", 1, Decimal("7.5"), 0, Decimal("17.5")),
        ("day", 2, "EIRE", 1, Decimal("12.5"), 0, 0),
        ("day", 2, "France", 1, Decimal("7.5"), 0, Decimal("17.5")),
        ("day", 3, "EIRE", 0, 0, 0, 0),
        ("day", 4, "EIRE", 1, 15, 0, 0),
        ("month", 1, "M1", None, 0, None, whole),
        ("month", 1, "M1", None, 35, None, 35),
        ("month", 1, "M2", None, Decimal("7.5"), None, 0),
        ("week", 31, "M1", None, 0, None, whole),
        ("week", 31, "M1", None, 35, None, 35),
        ("week", 31, "M2", None, Decimal("7.5"), None, 0),
    ]  # fmt: skip


def test_series_and_what_was_put_right_come_to_core_to_the_last_digit(fill: Fill, tables: Any) -> None:
    """Of chance lines: few customers and products, so that returns draw on each other's sales."""
    chance = np.random.default_rng(6)
    lines: list[tuple[Any, ...]] = []
    for at in range(600):
        day, hour = date(2011, 10, 1) + timedelta(days=int(chance.integers(20))), chance.integers(9, 18)
        is_return = chance.random() < 0.4
        lines += [
            line(f"{'C' if is_return else ''}{at}", f"{day} {hour:02}:00", int(chance.integers(1, 6)) * (-1 if is_return else 1),
                 product=f"M{chance.integers(4)}", price=f"1.{chance.integers(10)}", number=number,
                 country=country, customer=f"{chance.integers(4)}")
            for country in [("EIRE", "France")[chance.integers(2)]]
            for number in range(1, int(chance.integers(2, 4)))
        ]  # fmt: skip
    fill("seeds.thresholds", "wholesale_quantity", (1000,))
    fill("core.order_lines", LINE, *lines)
    made(tables, *OF_LINES, until=DECEMBER)
    by_core = {
        (grain, *key): value
        for grain, columns, table in (
            ("day", "day, country", "sales_days"),
            ("week", "week, product_id", "product_weeks"),
            ("month", "month, product_id", "product_months"),
        )
        for *key, value in tables.execute(f"SELECT {columns}, amount FROM core.{table}").fetchall()
    }
    found = tables.execute(
        "SELECT grain, starts_on, name, amount, corrected_amount, orders, corrected_orders FROM forecasts.series"
    ).fetchall()
    assert {row[:3]: row[3] + row[4] for row in found} == by_core
    # Naively: the units that each sale line lost on its day, one return after the other.
    price = {(row[1], row[2]): Decimal(row[7]) for row in lines}
    left = {(row[1], row[2]): row[6] for row in lines if row[10] == "sale"}
    off = Decimal(0)
    for invoice, number, units in tables.execute(
        "SELECT sale_invoice_id, sale_line, returned_units FROM core.returns WHERE is_correction"
    ).fetchall():
        left[invoice, number] -= units
        off += units * price[invoice, number]
    assert off > 0
    for grain in ("day", "week", "month"):
        assert sum(row[4] for row in found if row[0] == grain) == off
    standing = {invoice for (invoice, _), units in left.items() if units > 0}
    all_of_them = {invoice for invoice, _ in left}
    assert sum(row[5] for row in found if row[0] == "day") == len(standing) < len(all_of_them)
    assert sum(row[6] for row in found if row[0] == "day") == len(all_of_them - standing)


def test_a_giant_order_that_is_cancelled_at_once_moves_no_forecast(fill: Fill, tables: Any) -> None:
    """It was foretold for months: 80,000 mugs on a day on which 12 are wanted. One that came back later was wanted."""
    fill("seeds.forecasting", "holiday_country", (None,))
    fill("seeds.thresholds", "wholesale_quantity", (1000,))
    days = [date(2011, 8, 1) + timedelta(days=at) for at in range(122)]
    fill(
        "core.order_lines",
        LINE,
        *(line(f"{at}", f"{day} 10:00", 10 + at % 3, customer="b") for at, day in enumerate(days)),
    )

    def foretold_of(*more: tuple[Any, ...]) -> pl.DataFrame:
        if more:
            fill("core.order_lines", LINE, *more)
        for name in OF_LINES:
            tables.execute(f"DELETE FROM {name}")
        made(tables, *OF_LINES, since=date(2011, 8, 1), until=DECEMBER)
        rows = tables.execute(TABLES["forecasts.sales"].query, {"start": NOVEMBER, "end": DECEMBER}).pl()
        return sales.compute(rows, [OCTOBER, NOVEMBER]).sort(pl.all())

    plain = foretold_of()
    assert plain.height > 0
    giant = line("G", "2011-10-18 09:00", 80_000)
    assert_frame_equal(foretold_of(giant, line("CG", "2011-10-18 09:15", -80_000)), plain)
    late = foretold_of(line("H", "2011-10-20 09:00", 80_000), line("CH", "2011-10-21 09:00", -80_000))
    in_months = pl.col("grain").eq("month") & pl.col("level").eq("total") & pl.col("measure").eq("amount")
    assert late.filter(in_months)["hi_95"].max() > 10 * plain.filter(in_months)["hi_95"].max()
    # What stands out in core's figures is told all the same.
    rows = tables.execute(TABLES["forecasts.anomalies"].query, {"end": DECEMBER}).pl()
    marked = anomalies.compute(rows, [OCTOBER]).filter("is_anomaly")["starts_on"]
    assert date(2011, 10, 18) in marked


def test_anomalies_are_looked_for_in_what_core_has(fill: Fill, tables: Any) -> None:
    """What was put right the same day is in no forecast, and is what somebody asks about."""
    fill("seeds.forecasting", "holiday_country", (None,))
    fill("seeds.thresholds", "wholesale_quantity", (1000,))
    fill(
        "core.order_lines", LINE, line("A", "2011-10-18 09:00", 9), line("CA", "2011-10-18 09:15", -9),
        line("B", "2011-10-18 10:00", 4), line("CB", "2011-10-18 10:15", -1), line("D", "2011-10-19 10:00", 2),
    )  # fmt: skip
    made(tables, *OF_LINES, until=NOVEMBER)
    found = tables.execute(
        "SELECT grain, starts_on, sum(orders), sum(amount) "
        f"FROM ({TABLES['forecasts.anomalies'].query}) GROUP BY ALL ORDER BY ALL",
        {"end": NOVEMBER},
    ).fetchall()
    core = tables.execute(
        "SELECT 'day', day, orders, amount FROM core.sales_days "
        "UNION ALL SELECT 'week', week, NULL, amount FROM core.product_weeks "
        "UNION ALL SELECT 'month', month, NULL, amount FROM core.product_months ORDER BY ALL"
    ).fetchall()
    assert found == core
    learned = tables.execute("SELECT sum(amount) FROM forecasts.series WHERE grain = 'day'").fetchone()
    assert learned[0] < sum(row[3] for row in core if row[0] == "day")


@pytest.mark.parametrize("name", ["said", "sales", "backtest", "anomalies", "rivals"])
def test_events_come_with_the_series_and_say_whether_there_is_their_category(
    fill: Fill, tables: Any, name: str
) -> None:
    fill("seeds.categories", "rank,matches,pattern,category", (1, "description", "*MUG*", "Mugs"))
    day = date(2011, 11, 2)
    fill(
        "seeds.events", "name,first_day,last_day,country,category",
        *(("Fair", day, day, "All", of) for of in ("Mugs", "Mugz", None, "Other", "Not goods")),
    )  # fmt: skip
    found = tables.execute(
        f"SELECT DISTINCT category, is_known FROM ({TABLES[f'forecasts.{name}'].query}) WHERE event = 'Fair' "
        "AND starts_on = last_day AND country = 'All' AND grain = 'event' ORDER BY ALL",
        bounds(name),
    ).fetchall()
    assert found == [
        ("Mugs", True), ("Mugz", False), ("Not goods", True), ("Other", True), (None, True),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["sales", "backtest"])
def test_what_models_of_libraries_said_comes_with_the_series_if_they_spoke(
    fill: Fill, tables: Any, name: str
) -> None:
    fill(
        "forecasts.rivals", "as_of,grain,measure,level,series,model,starts_on,step,mean,reason",
        (OCTOBER, "month", "amount", "total", "All", "MSTL", NOVEMBER, 1, 5, None),
        (OCTOBER, "month", "amount", "total", "All", "Prophet", NOVEMBER, 1, None, "it broke"),
        (NOVEMBER, "month", "amount", "total", "All", "MSTL", DECEMBER, 1, 6, None),
    )  # fmt: skip
    found = tables.execute(TABLES[f"forecasts.{name}"].query, bounds(name))
    names = [column[0] for column in found.description]
    [row] = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    assert {key: value for key, value in row.items() if value is not None} == {
        "grain": "month", "starts_on": NOVEMBER, "as_of": OCTOBER, "measure": "amount", "level": "total",
        "series": "All", "model": "MSTL", "step": 1, "mean": Decimal(5),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["sales", "backtest"])
def test_what_our_own_models_said_comes_of_the_months_that_judge_them(
    fill: Fill, tables: Any, name: str
) -> None:
    """Two years of origins, and three months more for forecasts that are judged when they came."""
    of = [date(2009, 6, 1), date(2009, 7, 1), OCTOBER, NOVEMBER]
    fill("forecasts.said", "as_of,digest,means,sigma", *((at, "a", [1.0, 2.0], [0.5]) for at in of))
    found = tables.execute(TABLES[f"forecasts.{name}"].query, bounds(name)).pl()
    assert found.drop_nulls("digest").select("as_of", "digest", "means", "sigma").sort("as_of").rows() == [
        (at, "a", [1.0, 2.0], [0.5]) for at in of[1:3]
    ]
