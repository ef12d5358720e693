"""rules.baskets, item_months, pair_months: counts of months add up to those of any window."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.rules.itemsets import frequent_itemsets
from warehouse.plan import month_range, next_month

MONTHS = month_range(date(2010, 11, 1), date(2011, 2, 1))
START, END = MONTHS[0], next_month(MONTHS[-1])

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]

carts = st.lists(st.sets(st.sampled_from("abcdefgh"), min_size=1), max_size=6)


def sell(fill: Fill, tables: Any, run: Run, shop: dict[date, list[set[str]]], cap: int) -> None:
    """Fill the lines and make the three tables, month by month."""
    for name in (
        "core.order_lines",
        "seeds.rule_thresholds",
        "rules.baskets",
        "rules.item_months",
        "rules.pair_months",
    ):
        tables.execute(f"DELETE FROM {name}")
    fill("seeds.rule_thresholds", "basket_cap", (cap,))
    lines = [
        (
            month,
            f"{month}-{at}",
            datetime.combine(month, datetime.min.time()),
            f"c{at}",
            item,
            item.upper(),
            "sale",
            True,
        )
        for month, baskets in shop.items()
        for at, basket in enumerate(baskets)
        for item in basket
    ]
    fill("core.order_lines", "month,invoice_id,sold_at,customer_id,product_id,category,kind,is_goods", *lines)
    for name in ("rules.baskets", "rules.item_months", "rules.pair_months"):
        for month in shop:
            rows = run(name, month, next_month(month))
            if rows:
                fill(name, ",".join(rows[0]), *(list(row.values()) for row in rows))


@settings(max_examples=25)
@given(
    st.fixed_dictionaries(dict.fromkeys(MONTHS, carts)),
    st.sampled_from([2, 3, 100]),
    st.integers(0, 3),
    st.integers(1, 4),
    st.sampled_from(["product", "category"]),
)
def test_window_sums_equal_mining_the_window_from_nothing(
    fill: Fill,
    run: Run,
    tables: Any,
    shop: dict[date, list[set[str]]],
    cap: int,
    first: int,
    length: int,
    level: str,
) -> None:
    sell(fill, tables, run, shop, cap)
    window = MONTHS[first : first + length]
    kept = [basket for month in window for basket in shop[month] if len(basket) <= cap]
    if level == "category":
        kept = [{item.upper() for item in basket} for basket in kept]
    rows = [(at, item) for at, basket in enumerate(kept) for item in basket]
    mined = frequent_itemsets(
        pl.DataFrame(rows, {"basket": pl.Int64, "item": pl.String}, orient="row"),
        min_support=1e-6,
        max_length=2,
    )
    expected = {tuple(items): count for items, count in mined.select("items", "count").iter_rows()}
    dates = ", ".join(f"DATE '{month}'" for month in window)
    found = tables.execute(
        f"SELECT [item], sum(baskets) FROM rules.item_months WHERE stratum > 0 AND month IN ({dates}) "
        f"AND level = '{level}' GROUP BY item UNION ALL SELECT [item, other], sum(baskets) FROM rules.pair_months "
        f"WHERE month IN ({dates}) AND level = '{level}' GROUP BY item, other"
    ).fetchall()
    assert {tuple(items): count for items, count in found} == expected


@settings(max_examples=15)
@given(st.fixed_dictionaries(dict.fromkeys(MONTHS, carts)))
def test_strata_add_up_to_the_baskets_of_an_item(
    fill: Fill, run: Run, tables: Any, shop: dict[date, list[set[str]]]
) -> None:
    """Those above the cap are stratum 0, so nothing is lost."""
    sell(fill, tables, run, shop, 3)
    found = tables.execute(
        "SELECT month, item, sum(baskets) FROM rules.item_months WHERE level = 'product' GROUP BY month, item"
    ).fetchall()
    counted = {
        (month, item): sum(item in basket for basket in baskets)
        for month, baskets in shop.items()
        for item in "abcdefgh"
    }
    assert {(month, item): count for month, item, count in found} == {
        at: count for at, count in counted.items() if count
    }


@pytest.mark.parametrize(
    ("size", "stratum"),
    [(1, 1), (3, 1), (4, 2), (12, 2), (13, 3), (27, 3), (28, 4), (48, 4), (75, 5), (100, 6), (101, 0)],
)
def test_a_stratum_ends_with_three_squares(fill: Fill, run: Run, size: int, stratum: int) -> None:
    fill("seeds.rule_thresholds", "basket_cap", (100,))
    fill(
        "core.order_lines",
        "month,invoice_id,sold_at,product_id,category,kind,is_goods",
        *((START, "1", datetime(2010, 11, 5), f"{at:03}", "X", "sale", True) for at in range(size)),
    )
    (row,) = run("rules.baskets", START, next_month(START))
    assert (row["size"], row["stratum"], row["customer_id"]) == (size, stratum, None)


def test_only_goods_that_are_sold_lie_in_a_basket_and_each_once(fill: Fill, run: Run) -> None:
    """Two names for one code are one item; carriage, returns and free lines are none."""
    fill("seeds.rule_thresholds", "basket_cap", (100,))
    at = datetime(2010, 11, 5, 9)
    fill(
        "core.order_lines",
        "month,invoice_id,sold_at,customer_id,product_id,description,category,kind,is_goods",
        (START, "1", at, "c", "B", "BOWL", "Kitchen", "sale", True),
        (START, "1", at, "c", "B", "BOWL, BLUE", "Kitchen", "sale", True),
        (START, "1", at, "c", "A", "APRON", "Kitchen", "sale", True),
        (START, "1", at, "c", "POST", "POSTAGE", "Not goods", "sale", False),
        (START, "1", at, "c", "Z", "FREE", "Other", "adjustment", True),
        (START, "C2", at, "c", "A", "APRON", "Kitchen", "return", True),
    )
    (row,) = run("rules.baskets", START, next_month(START))
    assert (row["invoice_id"], row["goods"], row["categories"], row["size"]) == (
        "1",
        ["A", "B"],
        ["Kitchen"],
        2,
    )
