"""core.order_lines: every line once, its kind and whether it is goods."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

JANUARY, FEBRUARY, MARCH = (date(2011, month, 1) for month in (1, 2, 3))
NAMES = "month,file_id,row,invoice_id,product_id,description,quantity,sold_at,unit_price,customer_id,country"

Fill = Callable[..., None]
Run = Callable[..., list[dict[str, Any]]]


def landed(
    invoice: str = "536365",
    product: str = "85123a",
    quantity: int = 6,
    price: str = "2.55",
    *,
    file: str = "f",
    row: int = 1,
    month: date = JANUARY,
    description: str | None = "HEART",
    sold_at: datetime | None = None,
    customer: str | None = "17850",
    country: str | None = "EIRE",
) -> tuple[object, ...]:
    """A row of landing.orders."""
    at = sold_at or datetime(month.year, month.month, 4, 10)
    return month, file, row, invoice, product, description, quantity, at, price, customer, country


@pytest.mark.parametrize(
    ("invoice", "quantity", "price", "kind"),
    [
        ("536365", 1, "0.0001", "sale"),
        ("X1", 1, "1", "sale"),
        ("536365", 0, "1", "adjustment"),
        ("536365", -1, "1", "adjustment"),
        ("536365", 1, "0", "adjustment"),
        ("536365", 1, "-1", "adjustment"),
        ("C536365", -1, "1", "return"),
        ("c536365", -1, "1", "return"),
        ("C536365", 1, "1", "adjustment"),
        ("C536365", -1, "0", "adjustment"),
        ("C536365", 0, "1", "adjustment"),
        ("A563185", 1, "11062.06", "adjustment"),
        ("A563186", 1, "-11062.06", "adjustment"),
        ("a563186", -1, "1", "adjustment"),
    ],
)
def test_kind_follows_from_invoice_quantity_and_price(
    fill: Fill, run: Run, invoice: str, quantity: int, price: str, kind: str
) -> None:
    fill("landing.orders", NAMES, landed(invoice, "p", quantity, price))
    [line] = run("core.order_lines", JANUARY, FEBRUARY)
    assert line["kind"] == kind
    assert line["amount"] == quantity * Decimal(price)


def test_a_line_is_tidied_and_numbered(fill: Fill, run: Run) -> None:
    fill("landing.orders", NAMES, landed(country=None, customer=None, description=None))
    assert run("core.order_lines", JANUARY, FEBRUARY) == [
        {
            "month": JANUARY, "invoice_id": "536365", "line": 1, "sold_at": datetime(2011, 1, 4, 10),
            "customer_id": None, "product_id": "85123A", "description": None, "quantity": 6,
            "unit_price": Decimal("2.55"), "amount": Decimal("15.30"), "country": "Unspecified",
            "kind": "sale", "is_goods": True, "category": "Other",
        }
    ]  # fmt: skip


def test_equal_lines_count_once_in_whichever_files_they_stand(fill: Fill, run: Run) -> None:
    fill(
        "landing.orders", NAMES,
        landed(row=1), landed(row=2), landed(file="g", row=1), landed(quantity=7), landed(customer=None),
        landed(customer=None, row=9),
    )  # fmt: skip
    found = run("core.order_lines", JANUARY, FEBRUARY)
    assert [(line["line"], line["quantity"], line["customer_id"]) for line in found] == [
        (1, 6, "17850"), (2, 6, None), (3, 7, "17850")
    ]  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [
        landed("536366"), landed(product="85123A"), landed(quantity=7), landed(price="2.56"),
        landed(description="Heart"), landed(description=None), landed(sold_at=datetime(2011, 1, 4, 10, 1)),
        landed(customer="1"), landed(customer=None), landed(country="France"), landed(country=None),
    ],
)  # fmt: skip
def test_lines_that_differ_in_any_column_are_both_kept(
    fill: Fill, run: Run, other: tuple[object, ...]
) -> None:
    fill("landing.orders", NAMES, landed(), other)
    assert len(run("core.order_lines", JANUARY, FEBRUARY)) == 2


def test_the_months_asked_for_are_read_and_no_others(fill: Fill, run: Run) -> None:
    fill(
        "landing.orders",
        NAMES,
        *(landed(month=month) for month in (date(2010, 12, 1), JANUARY, FEBRUARY, MARCH)),
    )
    assert [line["month"] for line in run("core.order_lines", JANUARY, MARCH)] == [JANUARY, FEBRUARY]


def test_an_invoice_over_midnight_is_numbered_in_each_month(fill: Fill, run: Run) -> None:
    fill("landing.orders", NAMES, landed(), landed(month=FEBRUARY))
    assert [line["line"] for line in run("core.order_lines", JANUARY, MARCH)] == [1, 1]


@pytest.mark.parametrize(
    ("product", "is_goods"),
    [
        ("POST", False), ("post", False), ("Post", False), ("POSTER", True), ("M", False), ("m", False),
        ("MM", True), ("gift_0001_20", False), ("GIFT_0001_", False), ("GIFT_0002_20", True), ("C2", False),
        ("C21", True), ("BANK CHARGES", False), ("85123a", True),
    ],
)  # fmt: skip
def test_goods_are_told_by_the_patterns_of_the_seed(
    fill: Fill, run: Run, product: str, is_goods: bool
) -> None:
    patterns = ["POST", "M", "GIFT_0001_*", "C2", "BANK CHARGES", "P?ST"]
    fill("seeds.not_goods", "pattern,meaning", *((pattern, "") for pattern in patterns))
    fill("landing.orders", NAMES, landed(product=product))
    [line] = run("core.order_lines", JANUARY, FEBRUARY)
    assert line["is_goods"] is is_goods


def test_a_code_that_two_patterns_match_is_one_line(fill: Fill, run: Run) -> None:
    fill("seeds.not_goods", "pattern,meaning", ("POST", ""), ("P*", ""))
    fill("landing.orders", NAMES, landed(product="POST"), landed(product="post", row=2))
    assert [line["is_goods"] for line in run("core.order_lines", JANUARY, FEBRUARY)] == [False, False]


RULES = (
    (1, "product_id", "1*", "Ones"), (2, "description", "*RED?BAG", "Bags"), (2, "description", "RED*", "Alike"),
    (3, "description", "*MUG*", "Mugs"), (3, "description", "TEA", "Tea"), (4, "product_id", "23", "Twenty-three"),
    (5, "description", "[XY]Z*", "Letters"), (9, "product_id", "POST", "Carriage"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("product", "description", "category"),
    [
        ("2", "Tea mug", "Mugs"), ("2", "tea", "Tea"), ("2", "TEAS", "Other"), ("2", "", "Other"),
        ("2", None, "Other"), ("1A", None, "Ones"), ("1a", "MUG", "Ones"), ("23", "nothing", "Twenty-three"),
        ("23", "mug", "Mugs"), ("232", "nothing", "Other"), ("2", "A RED BAG", "Bags"), ("2", "RED BAG", "Alike"),
        ("2", "RED  BAG MUG", "Alike"), ("2", "yz", "Letters"), ("2", "AZ", "Other"), ("POST", "MUG", "Not goods"),
    ],
)  # fmt: skip
def test_the_pattern_of_the_lowest_rank_tells_the_category(
    fill: Fill, run: Run, product: str, description: str | None, category: str
) -> None:
    fill("seeds.not_goods", "pattern,meaning", ("POST", ""))
    fill("seeds.categories", "rank,matches,pattern,category", *RULES)
    fill("landing.orders", NAMES, landed(product=product, description=description))
    [line] = run("core.order_lines", JANUARY, FEBRUARY)
    assert line["category"] == category


@given(st.lists(st.sampled_from([("1", "MUG"), ("2", None), ("2", "RED BAG"), ("POST", None)]), min_size=1))
def test_every_line_has_one_category_whatever_else_is_sold(
    fill: Fill, run: Run, tables: Any, names: list[tuple[str, str | None]]
) -> None:
    """A line that two patterns fit, or a code with two names, must not be counted twice."""
    for name in ("landing.orders", "seeds.categories", "seeds.not_goods"):
        tables.execute(f"DELETE FROM {name}")
    fill("seeds.not_goods", "pattern,meaning", ("POST", ""))
    fill("seeds.categories", "rank,matches,pattern,category", *RULES)
    fill(
        "landing.orders",
        NAMES,
        *(landed(f"I{at}", product, description=name) for at, (product, name) in enumerate(names)),
    )
    expected = {"1": "Ones", "POST": "Not goods"}
    found = run("core.order_lines", JANUARY, FEBRUARY)
    assert len(found) == len(names)
    for line in found:
        other = "Alike" if line["description"] else "Other"
        assert line["category"] == expected.get(line["product_id"], other)


@given(st.permutations(range(12)), st.lists(st.integers(1, 3), min_size=12, max_size=12))
def test_any_packaging_of_the_same_rows_gives_the_same_table(
    fill: Fill, run: Run, tables: Any, order: list[int], files: list[int]
) -> None:
    """`line` is numbered by content: a file that was split must not make a month anew."""
    rows = [landed(f"I{at // 4}", f"p{at % 3}", at % 5, description=[None, "x"][at % 2]) for at in range(12)]
    tables.execute("DELETE FROM landing.orders")
    fill("landing.orders", NAMES, *rows)
    expected = run("core.order_lines", JANUARY, FEBRUARY)
    tables.execute("DELETE FROM landing.orders")
    fill("landing.orders", NAMES, *((*rows[at][:1], f"f{files[at]}", at, *rows[at][3:]) for at in order))
    assert run("core.order_lines", JANUARY, FEBRUARY) == expected
