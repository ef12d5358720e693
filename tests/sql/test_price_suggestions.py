"""price.suggestions: a price where one is sure to have earned more, and the reason in every other case."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]

AS_OF, END = date(2011, 6, 1), date(2011, 7, 1)
RESPONSE = {
    "as_of": AS_OF, "product_id": "A", "category": "Mugs", "regular_price": 2, "lowest_price": 1, "highest_price": 4,
    "prices": 4, "elasticity": -2.0, "lo_90": -2.2, "hi_90": -1.8, "placebo_probability": 0.5,
    "shop_placebo_probability": 0.5, "shop_placebo_share": 0.0, "evidence": "observational", "reason": None,
}  # fmt: skip


@pytest.fixture
def suggested(fill: Fill, run: Run, tables: Any) -> Callable[..., dict[str, Any]]:
    """The row of a product, other than usual where told."""

    def one(
        unit_cost: float | None = None,
        most_change: float = 0.6,
        last: date = date(2011, 6, 20),
        **others: Any,
    ) -> dict[str, Any]:
        for name in ("price.response", "seeds.costs", "seeds.pricing", "core.products"):
            tables.execute(f"DELETE FROM {name}")
        row = {**RESPONSE, **others}
        fill("price.response", ",".join(row), list(row.values()))
        fill(
            "seeds.pricing",
            "chance,placebo_share,least_prices,quiet_days,most_change",
            (0.05, 0.2, 4, 91, most_change),
        )
        fill(
            "core.products",
            "as_of,product_id,last_sold_at",
            (AS_OF, "A", datetime.combine(last, datetime.min.time())),
        )
        if unit_cost is not None:
            fill("seeds.costs", "product_id,unit_cost", ("a", unit_cost))
        [found] = run("price.suggestions", AS_OF, END)
        return found

    return one


def earned(price: float, elasticity: float, cost: float = 0.0) -> float:
    return float((price - cost) * price**elasticity)


@pytest.mark.parametrize(
    ("elasticity", "cost"), [(-2.0, 0.8), (-1.5, 0.4), (-3.0, 1.5), (-2.0, None), (-0.5, None), (-0.5, 1.0)]
)
def test_the_price_is_the_best_of_all_that_are_allowed(
    suggested: Any, elasticity: float, cost: float | None
) -> None:
    """Against every cent between."""
    found = suggested(cost, elasticity=elasticity, lo_90=elasticity - 0.01, hi_90=elasticity + 0.01)
    cents = np.arange(100, 321) / 100  # the lowest seen, and 60 % above the regular price
    best = max(cents, key=lambda price: earned(price, elasticity, cost or 0))
    assert float(found["suggested_price"]) == pytest.approx(best, abs=0.011)
    gain = (
        earned(float(found["suggested_price"]), elasticity, cost or 0) / earned(2, elasticity, cost or 0) - 1
    )
    assert found["gain"] == pytest.approx(gain, abs=1e-3)
    assert found["goal"] == ("revenue" if cost is None else "margin")
    assert found["evidence"] == "observational"


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ({"reason": "its regular price never changed", "elasticity": None, "lo_90": None, "hi_90": None}, "never changed"),
        ({"prices": 3}, "it had 3 regular prices, and 4 are needed"),
        ({"placebo_probability": 0.01}, "its price follows demand"),
        ({"shop_placebo_probability": 0.001, "shop_placebo_share": 0.4}, "prices of the shop follow demand"),
        ({"last": date(2011, 2, 20)}, "no longer sold"),
        ({"hi_90": 0.1}, "no response to its price"),
        ({"lo_90": -2.6, "hi_90": -0.5}, "not sure enough"),
        ({"unit_cost": 2.5}, "below its cost"),
        ({"regular_price": 1}, "no price seen would have earned more"),
        ({"most_change": 0.0}, "no price seen would have earned more"),
    ],
)  # fmt: skip
def test_everything_else_is_refused_with_its_reason(
    suggested: Any, others: dict[str, Any], reason: str
) -> None:
    """A price that follows demand, or noise, would be acted on."""
    found = suggested(**others)
    assert found["suggested_price"] is None
    assert found["gain"] is None
    assert reason in found["reason"]


def test_a_little_of_the_placebo_is_no_finding(suggested: Any) -> None:
    """Prices are read off receipts: a little of today's seeps into that of two weeks later."""
    found = suggested(shop_placebo_probability=0.001, shop_placebo_share=0.1)
    assert (found["suggested_price"], found["reason"]) == (Decimal("1.0000"), None)


def test_no_suggestion_leaves_what_was_seen(suggested: Any) -> None:
    assert suggested(lowest_price=Decimal("1.985"))["suggested_price"] == Decimal("1.9900")
    assert suggested(lowest_price=Decimal("1.992"))["suggested_price"] == Decimal("1.9920")
