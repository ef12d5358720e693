"""rules.summary, bundles and category_flows on rows written by hand."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

DECEMBER, JANUARY, FEBRUARY, MARCH = (date(2010, 12, 1), date(2011, 1, 1), date(2011, 2, 1), date(2011, 3, 1))

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def thresholds(fill: Fill) -> None:
    fill("seeds.rule_thresholds", "support,window_months,basket_cap", (0.07, 2, 100))


def baskets(fill: Fill, *rows: tuple[date, str, int, str | None, list[str], list[str], int]) -> None:
    fill(
        "rules.baskets",
        "month,invoice_id,sold_at,customer_id,goods,categories,size,stratum",
        *(
            (
                month,
                invoice,
                datetime(month.year, month.month, day),
                customer,
                goods,
                categories,
                len(goods),
                stratum,
            )
            for month, invoice, day, customer, goods, categories, stratum in rows
        ),
    )


@pytest.mark.usefixtures("thresholds")
def test_the_summary_tells_what_was_looked_at_and_what_the_cap_left_out(fill: Fill, run: Run) -> None:
    baskets(
        fill,
        (DECEMBER, "0", 1, "c", ["a"] * 9, ["K"], 1),
        *((JANUARY, f"{at}", 1, "c", ["a"], ["K"], 1) for at in range(100)),
        (FEBRUARY, "100", 1, "c", ["a"] * 50, ["K"], 0),
    )
    fill(
        "rules.item_months",
        "month,level,item,stratum,baskets",
        *((JANUARY, "product", item, 1, count) for item, count in (("a", 7), ("b", 8), ("c", 100), ("d", 6))),
        (FEBRUARY, "product", "d", 0, 50),
    )
    fill(
        "rules.rules",
        "as_of,level,association,is_rule,is_held",
        (FEBRUARY, "product", "complement", True, True),
        (FEBRUARY, "product", "complement", True, None),
        (FEBRUARY, "product", "complement", False, True),
        (FEBRUARY, "product", "substitute", False, True),
    )
    category, product = run("rules.summary", FEBRUARY, MARCH)
    assert (product["baskets"], product["capped_baskets"]) == (100, 1)
    assert product["capped_share"] == pytest.approx(50 / 150, abs=1e-6)
    # 0.07 x 100 is 7 and not 8.
    assert (product["least_count"], product["frequent_items"], product["candidate_pairs"]) == (7, 3, 3)
    assert [product[name] for name in ("complements", "substitutes", "rules", "held_rules", "reason")] == [
        3,
        1,
        2,
        1,
        None,
    ]
    assert category["reason"] == "no two items are frequent enough: lower the support"


@pytest.mark.usefixtures("thresholds")
def test_a_month_without_baskets_says_so(run: Run) -> None:
    rows = run("rules.summary", FEBRUARY, MARCH)
    assert [(row["level"], row["baskets"], row["reason"]) for row in rows] == [
        ("category", 0, "no basket in the window"),
        ("product", 0, "no basket in the window"),
    ]


@pytest.mark.usefixtures("thresholds")
def test_a_bundle_is_told_once_with_the_higher_bound(fill: Fill, run: Run) -> None:
    """Open baskets of a: 60, each could bring b at 2 a basket; of b: 10, each a at 30."""
    fill(
        "rules.rules",
        "as_of,level,antecedent,consequent,count,customers,antecedent_count,adjusted_lift,strength_rank",
        (FEBRUARY, "product", ["a"], "b", 40, 20, 100, 3.0, 1),
        (FEBRUARY, "product", ["b"], "a", 40, 20, 50, 3.0, 2),
        (FEBRUARY, "product", ["c"], "b", 40, 20, 50, 2.0, None),
        (FEBRUARY, "category", ["a"], "b", 40, 20, 50, 2.0, 1),
    )
    fill(
        "core.product_months",
        "month,product_id,orders,amount",
        (DECEMBER, "a", 1, Decimal(1000)),
        (JANUARY, "a", 50, Decimal(2000)),
        (FEBRUARY, "a", 50, Decimal(1000)),
        (FEBRUARY, "b", 50, Decimal(100)),
    )
    (row,) = run("rules.bundles", FEBRUARY, MARCH)
    assert (row["goods"], row["antecedent"], row["consequent"]) == (["a", "b"], ["b"], "a")
    assert (row["open_baskets"], row["consequent_amount"], row["extra_amount_upper_bound"]) == (10, 30, 300)


@pytest.mark.usefixtures("thresholds")
def test_flows_lead_within_a_basket_and_to_the_next_order_of_the_window(fill: Fill, run: Run) -> None:
    fill(
        "rules.pair_months",
        "month,level,item,other,stratum,baskets",
        (DECEMBER, "category", "K", "L", 1, 9),
        (JANUARY, "category", "K", "L", 1, 2),
        (FEBRUARY, "category", "K", "L", 2, 1),
        (FEBRUARY, "product", "a", "b", 2, 7),
    )
    baskets(
        fill,
        (DECEMBER, "0", 1, "c", ["a"], ["K"], 1),
        (JANUARY, "1", 1, "c", ["b"], ["L"], 1),
        (JANUARY, "2", 2, None, ["b"], ["L"], 1),
        (FEBRUARY, "3", 1, "c", ["a", "b"], ["K", "L"], 1),
        (FEBRUARY, "4", 1, "d", ["a"], ["K"], 1),
    )
    told = [tuple(row.values()) for row in run("rules.category_flows", JANUARY, MARCH)]
    assert told == [
        (JANUARY, "next order", "K", "L", 1, 1.0),
        (JANUARY, "same basket", "K", "L", 11, 1.0),
        (FEBRUARY, "next order", "L", "K", 1, 0.5),
        (FEBRUARY, "next order", "L", "L", 1, 0.5),
        (FEBRUARY, "same basket", "K", "L", 3, 1.0),
    ]
