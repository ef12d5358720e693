"""price.daily_prices: what was paid below the wholesale quantity."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]
LINES = "month,invoice_id,product_id,sold_at,quantity,unit_price,kind,is_goods"
MONTH = date(2011, 1, 1)


def test_lines_are_counted_by_day_and_price_without_wholesale_returns_and_fees(fill: Fill, run: Run) -> None:
    def line(
        invoice: str,
        quantity: int,
        price: str,
        product: str = "A",
        kind: str = "sale",
        day: int = 3,
        is_goods: bool = True,
    ) -> list[object]:
        return [MONTH, invoice, product, datetime(2011, 1, day, 10), quantity, Decimal(price), kind, is_goods]

    fill("seeds.thresholds", "wholesale_quantity", (24,))
    fill(
        "core.order_lines", LINES,
        line("1", 2, "2.5"), line("2", 3, "2.5"), line("2", 30, "2.5", "B"), line("3", 1, "2.25"), line("3", 1, "2.5", day=4),
        line("4", 24, "2"), line("C5", -1, "2.5", kind="return"), line("6", 1, "9", "POST", is_goods=False),
    )  # fmt: skip
    found = run("price.daily_prices", MONTH, date(2011, 2, 1))
    assert [tuple(row.values()) for row in found] == [
        (MONTH, date(2011, 1, 3), "A", Decimal("2.2500"), 1, 1, 1),
        (MONTH, date(2011, 1, 3), "A", Decimal("2.5000"), 2, 1, 5),
        (MONTH, date(2011, 1, 4), "A", Decimal("2.5000"), 1, 1, 1),
    ]
