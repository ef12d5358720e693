"""Units of the next months, classes, strengths and stock."""

import math
from collections.abc import Callable
from datetime import date, timedelta

import duckdb
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import simulator
from assets.demand.products import SHAPE, compute, strengths
from warehouse.tables import TABLES

Rows = Callable[..., pl.DataFrame]
Days = Callable[[date, int], list[date]]
FIRST = date(2021, 1, 1)
LAST = date(2022, 12, 1)


def one(found: pl.DataFrame, product: str = "A") -> dict[str, object]:
    return found.filter(pl.col("product_id") == product).row(0, named=True)


def is_clean(found: pl.DataFrame) -> bool:
    return not any(
        found.select(pl.col(pl.Float64).is_nan().any() | pl.col(pl.Float64).is_infinite().any()).row(0)
    )


def test_classes_agree_with_a_plain_loop(demand_rows: Rows, days: Days) -> None:
    """80, 15 and 5 % of the amount, the largest first."""
    rng = np.random.default_rng(1)
    size = {f"P{at}": int(10_000 / (at + 1)) for at in range(60)}
    sales = [(day, product, units) for product, units in size.items() for day in days(date(2022, 12, 1), 31)]
    rng.shuffle(sales)
    found = compute(demand_rows([(day, p, int(u)) for day, p, u in sales]), [LAST])
    total, before = sum(size.values()), 0
    for product, units in sorted(size.items(), key=lambda item: (-item[1], item[0])):
        expected = "A" if before < 0.8 * total else "B" if before < 0.95 * total else "C"
        row = one(found, product)
        assert (row["abc"], row["amount"]) == (expected, 2 * 31 * units)
        before += units


def test_what_came_back_makes_no_product_matter(demand_rows: Rows, days: Days) -> None:
    """80,995 paper birds were sold and cancelled within the hour: counted, they would be most of the amount of its year."""
    month = days(date(2022, 12, 1), 31)
    sales = [(day, product, units) for product, units in (("A", 100), ("B", 10), ("C", 1)) for day in month]
    # Of E more came back than was sold: some of it had been sold before the year.
    sales += [(date(2022, 12, 9), "BIRD", 80_995), (date(2021, 11, 9), "E", 5), (date(2022, 12, 9), "E", 1)]
    returns = [(date(2022, 12, 9), "BIRD", 80_995), (date(2022, 12, 9), "E", 4)]
    found = compute(demand_rows(sales, returns=returns), [LAST])
    classes = {
        str(name): (kind, amount) for name, kind, amount in found.select("product_id", "abc", "amount").rows()
    }
    assert classes == {
        "A": ("A", 6200.0), "B": ("B", 620.0), "C": ("C", 62.0), "BIRD": ("C", 0.0), "E": ("C", 0.0)
    }  # fmt: skip


def test_regularity_is_the_coefficient_of_variation(demand_rows: Rows) -> None:
    units = [10, 20, 10, 20, 10, 20, 10, 20, 10, 20, 10, 20]
    sales = [(date(2022, month, 28), "A", value) for month, value in enumerate(units, 1)]
    sales += [(date(2022, month, 28), "B", 1) for month in range(1, 13)]
    sales += [(date(2022, month, 28), "C", 100 if month == 6 else 1) for month in range(1, 13)]
    sales += [(date(2022, month, 28), "NEW", 5) for month in (10, 11, 12)]
    found = compute(demand_rows([*sales, (date(2022, 12, 31), "B", 1)]), [LAST])
    assert one(found)["variation"] == pytest.approx(np.std(units, ddof=1) / 15, abs=1e-4)
    assert [one(found, product)["xyz"] for product in ("A", "C", "NEW")] == ["X", "Z", None]
    assert "3 months are too few" in str(one(found, "NEW")["missing_reason"])


def test_strengths_are_those_of_trend_and_season() -> None:
    """Wang, Smith and Hyndman (2006): near 1 where there is nothing else, near 0 where there is nothing of it."""
    at = np.arange(60)
    noise = np.random.default_rng(3).normal(0, 1, (3, 60))
    season = 10 * np.sin(2 * math.pi * at / 12)
    short = np.full(60, np.nan)
    short[-20:] = 5 * at[-20:]
    units = np.stack(
        [100 + at * 2 + noise[0], 100 + season + noise[1], 100 + noise[2], short, np.full(60, 7.0)]
    )
    trend, of_season, months = strengths(units)
    assert trend[0] > 0.95
    assert max(trend[1], trend[2]) < 0.5
    assert of_season[1] > 0.9
    assert max(of_season[0], of_season[2]) < 0.6
    assert trend[3] > 0.95
    assert np.isnan([of_season[3], trend[4], of_season[4]]).all()
    assert months.tolist() == [60, 60, 60, 20, 60]


def test_strengths_agree_with_a_plain_decomposition() -> None:
    values = np.random.default_rng(4).gamma(3, 10, 48) * (1 + 0.4 * np.sin(np.arange(48) * math.pi / 6))
    line = [
        (values[at - 6] / 2 + values[at - 5 : at + 6].sum() + values[at + 6] / 2) / 12 for at in range(6, 42)
    ]
    rest = values[6:42] - line
    places = np.array([np.mean([rest[k] for k in range(36) if (k + 6) % 12 == place]) for place in range(12)])
    season = (places - places.mean())[(np.arange(36) + 6) % 12]
    left = rest - season
    trend, of_season, _ = strengths(values[None, :])
    assert trend[0] == pytest.approx(max(0, 1 - left.var() / (left + line).var()))
    assert of_season[0] == pytest.approx(max(0, 1 - left.var() / (left + season).var()))


def test_stock_is_weighed_against_what_is_expected(demand_rows: Rows, days: Days) -> None:
    # Nothing is sold on the last day, on which the stock is counted.
    sales = [(day, product, 3) for day in days(FIRST, 729) for product in "AB"]
    sales += [(day, "DEAD", 3) for day in days(FIRST, 200)]
    stock = [
        ("A", date(2022, 6, 1), 5),
        ("A", date(2022, 12, 31), 1000),
        ("A", date(2023, 1, 9), 1),
        ("DEAD", date(2022, 12, 1), 40),
    ]
    found = compute(demand_rows(sales, stock=stock), [LAST])
    row, dead = one(found), one(found, "DEAD")
    assert (row["counted_on"], row["on_hand"]) == (date(2022, 12, 31), 1000)
    assert row["cover_months"] == pytest.approx(3 * 1000 / row["units"], rel=1e-3)
    assert row["overstock_units"] == pytest.approx(
        1000 - sum(row[f"hi_80_{step}"] for step in (1, 2, 3)), abs=1e-3
    )
    assert (row["is_dead_stock"], dead["is_dead_stock"], dead["units"], dead["overstock_units"]) == (
        False,
        True,
        0,
        40,
    )
    assert [one(found, "B")[name] for name in ("on_hand", "overstock_units", "is_dead_stock")] == [None] * 3


def test_what_sells_at_christmas_alone_is_expected_at_christmas(demand_rows: Rows, days: Days) -> None:
    """It was not sold for ten months, and is not dead."""
    sales = [(day, "A", 4) for day in days(FIRST, 640) if day.month in {11, 12}]
    sales += [(day, "B", 1) for day in days(FIRST, 640)]
    found = compute(demand_rows(sales), [date(2022, 9, 1)])
    row = one(found)
    assert (row["model"], row["units_1"], row["units_2"], row["units_3"]) == ("seasonal naive", 0, 120, 124)
    assert one(compute(demand_rows(sales), [date(2022, 8, 1)]))["units"] == 120


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_what_was_sold_out_is_foretold_too_low_unless_it_is_marked(
    demand_rows: Rows, days: Days, share: float
) -> None:
    """Forty products of the same demand, out of stock on a share of the days."""
    rng = np.random.default_rng(5)
    sales, out = [], []
    for product in range(40):
        for week in range(105):
            begins = FIRST + timedelta(days=7 * week)
            is_out = rng.random() < share
            if is_out:
                out.append((f"{product}", begins, begins + timedelta(days=6)))
            else:
                sales += [(day, f"{product}", int(rng.poisson(3))) for day in days(begins, 7)]
    plain, marked = (
        compute(demand_rows([sale for sale in sales if sale[2]], out=spells), [LAST])["units"].mean()
        / (3 * 90)
        for spells in ((), out)
    )
    assert plain == pytest.approx(1 - share, abs=0.05)
    assert marked == pytest.approx(1, abs=0.05)


def test_in_a_simulated_shop_marking_lessens_the_bias(
    demand_rows: Rows, simulated: Callable[..., simulator.Written]
) -> None:
    """Against what would have been sold with full shelves, which the simulator knows; 2 % of the days are without stock."""
    written = simulated("default", seed=1)
    truth = {file.stem: str(file) for file in written.truth}
    sales = duckdb.execute(
        """
        SELECT DISTINCT CAST(strptime(InvoiceDate, '%-m/%-d/%Y %-H:%M') AS DATE), StockCode, InvoiceNo, CAST(Quantity AS DOUBLE)
        FROM read_csv($files, all_varchar = true, header = true, encoding = 'latin-1')
        WHERE InvoiceNo NOT LIKE 'C%' AND try_cast(Quantity AS BIGINT) BETWEEN 1 AND 9999
            AND try_cast(UnitPrice AS DOUBLE) > 0 AND StockCode IN (SELECT stock_code FROM read_parquet($goods))
            AND try_strptime(InvoiceDate, '%-m/%-d/%Y %-H:%M') < make_date(2024, 1, 1)
        """,
        {"files": [str(file) for file in written.files], "goods": truth["goods"]},
    ).fetchall()
    sales = [(day, product, units) for day, product, _, units in sales]
    spells = duckdb.execute(
        "SELECT stock_code, day, day FROM read_parquet($1)", [truth["stockouts"]]
    ).fetchall()
    usual = duckdb.execute(
        "SELECT stock_code, sum(usual_units) FROM read_parquet($1) WHERE month >= DATE '2024-01-01' GROUP BY stock_code",
        [truth["demand"]],
    ).fetchall()
    # The trained shop is cut at the end of 2023; the level of its last year is compared, as models know no more of it.
    expected = pl.DataFrame(usual, {"product_id": pl.String, "usual": pl.Float64}, orient="row")
    month = date(2023, 12, 1)
    plain, marked = (
        compute(demand_rows(sales, out=some), [month]).join(expected, on="product_id")["units"].sum()
        for some in ((), spells)
    )
    lost = duckdb.execute(
        "SELECT sum(lost_units) FROM read_parquet($1) WHERE day BETWEEN DATE '2023-01-01' AND DATE '2023-12-31'",
        [truth["stockouts"]],
    ).fetchall()[0][0]
    sold = sum(units for day, _, units in sales if day.year == 2023)
    assert marked / plain - 1 == pytest.approx(lost / sold, abs=0.01)


@pytest.mark.parametrize(
    "sales",
    [
        [(date(2022, 12, day), "A", 1) for day in (1, 9, 31)],
        [(date(2022, month, 3), "A", 5) for month in (1, 2, 5, 9, 12)],
        [(date(2022, month, 28), "A", 7) for month in range(1, 13)],
        [(date(2022, month, 28), "A", 1 if month < 9 else 1000) for month in range(1, 13)],
        [(date(2019, 1, 3), "A", 5), (date(2022, 12, 30), "B", 1)],
        [(date(2022, 12, 30), "A", 5)],
    ],
    ids=[
        "three observations",
        "gaps",
        "a constant",
        "a jump of a thousandfold",
        "ended long ago",
        "one sale",
    ],
)
def test_bad_input_gives_numbers_and_a_reason(demand_rows: Rows, sales: list[tuple[date, str, int]]) -> None:
    found = compute(demand_rows(sales, returns=[(sales[0][0], "A", 9)]), [LAST])
    assert is_clean(found)
    row = one(found)
    assert row["model"] == "median" or row["reason"]
    assert found["units"].null_count() == 0
    assert found.filter(pl.col("variation").is_null() & pl.col("missing_reason").is_null()).is_empty()


def test_nothing_sold_has_no_rows(demand_rows: Rows) -> None:
    assert compute(demand_rows([]), [LAST]).schema == SHAPE
    assert set(SHAPE) == set(TABLES["demand.products"].shape)
    returned = demand_rows([(date(2022, 12, 5), "A", 0)], returns=[(date(2022, 12, 5), "A", 9)])
    assert compute(returned, [LAST]).is_empty()


def test_a_month_that_ends_on_three_closed_days_is_whole(demand_rows: Rows, days: Days) -> None:
    """31 October 2022 is a Monday: of a shop that never sells from Saturday to Monday the month ended on Friday."""
    sales = [(day, "A", 2) for day in days(date(2022, 1, 1), 304) if 0 < day.weekday() < 5]
    for last, following in ((date(2022, 10, 31), date(2022, 11, 1)), (date(2022, 10, 27), date(2022, 10, 1))):
        [found] = compute(demand_rows([one for one in sales if one[0] <= last]), [date(2022, 10, 1)]).rows(
            named=True
        )
        assert found["first_month"] == following


def test_a_month_is_the_same_alone_with_others_and_whatever_comes_later(
    demand_rows: Rows, days: Days
) -> None:
    rows = demand_rows(
        [(day, f"{day.day % 5}", 1 + day.day % 3) for day in days(FIRST, 700)],
        out=[("1", date(2022, 3, 1), date(2022, 3, 20))],
    )
    months = [date(2021, 6, 1), date(2022, 4, 1)]
    whole = compute(rows, months)
    for month in months:
        end = date(month.year, month.month + 1, 1)
        known = rows.filter((pl.col("day") < end) | pl.col("day").is_null()).filter(
            (pl.col("month") < end) | pl.col("month").is_null()
        )
        alone = compute(known.sample(fraction=1, shuffle=True, seed=1), [month])
        assert_frame_equal(alone, whole.filter(pl.col("as_of") == month))
