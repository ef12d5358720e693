"""The exports of shop systems are read as they come, and a person adds the header of another."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from warehouse.intake.headers import header_set, header_sets
from warehouse.intake.layout import Reading

LINES = (
    "SELECT invoice_id, product_id, description, quantity, sold_at, unit_price::DOUBLE, customer_id, country "
    "FROM landing.orders ORDER BY ALL"
)
SHOPIFY = (
    "Name,Email,Financial Status,Paid at,Currency,Subtotal,Shipping,Taxes,Total,Created at,Lineitem quantity,"
    "Lineitem name,Lineitem price,Lineitem sku,Vendor,Billing Country,Shipping Country"
)


def shopify(*rows: str, name: str = SHOPIFY) -> str:
    return "\n".join([name, *rows])


def test_orders_of_shopify_are_told_in_full_on_every_line(taken: Any, rows_of: Any, reading: Reading) -> None:
    """Only the first line of an order says whose it is, where it goes and in which currency."""
    how = replace(reading, currency="CAD", timezone="America/Toronto", now=datetime(2015, 1, 1))
    arrival = taken(
        shopify(
            "#1001,a@x.org,paid,2014-08-01 12:00:05 -0400,CAD,30,5,0,35,2014-08-01 12:00:00 -0400,2,Mug,10.00,M-1,V,US,CA",
            "#1001,,,,,,,,,2014-08-01 12:00:00 -0400,1,Gift card,10.00,,V,,",
            "#1002,,paid,2014-08-02 02:30:00 UTC,USD,9,0,0,9,2014-08-01 22:30:00 -0400,1,Mug,9.00,M-1,V,US,US",
            "#1002,,,,,,,,,2014-08-01 22:30:00 -0400,1,Tray,9.00,T-1,V,,",
            "#1003,b@x.org,paid,2014-08-03 00:00:00 -0400,CAD,9,0,0,9,2014-08-03 00:00:00 -0400,1,Mug,9.00,M-1,V,CA,",
        ),
        reading=how,
    )
    assert (arrival.header, arrival.currency, arrival.rows_quarantined) == ("Shopify", "CAD", 2)
    assert "Lineitem price" in arrival.basis
    noon = datetime(2014, 8, 1, 12)
    assert rows_of(LINES) == [
        ("#1001", "Gift card", "Gift card", 1, noon, 10.0, "a@x.org", "CA"),
        ("#1001", "M-1", "Mug", 2, noon, 10.0, "a@x.org", "CA"),
        ("#1003", "M-1", "Mug", 1, datetime(2014, 8, 3), 9.0, "b@x.org", "CA"),
    ]


def test_every_line_of_a_shopify_order_in_another_currency_is_quarantined(
    taken: Any, quarantine: Any, reading: Reading
) -> None:
    """Its second line names none, and would be added up as the shop's own."""
    row = "#1,,,,USD,,,,,2014-08-01 12:00:00 -0400,1,Mug,10.00,M-1,V,,"
    rows = [row, row.replace("USD", ""), row.replace("USD", "CAD").replace("#1", "#2")]
    taken(shopify(*rows), reading=replace(reading, currency="CAD", now=datetime(2015, 1, 1)))
    assert {at: reasons for at, (_, reasons) in quarantine().items()} == {
        1: ['currency: CAD was expected, found "USD"'], 2: ["currency: CAD was expected, found nothing"]
    }  # fmt: skip
    assert quarantine()[2][0] == rows[1], "the row is shown as written"


def test_bad_rows_of_a_shopify_export_keep_their_place(taken: Any, quarantine: Any, reading: Reading) -> None:
    row = "#1,a@x.org,,,CAD,,,,,2014-08-01 12:00:00 -0400,1,Mug,10.00,M-1,V,CA,CA"
    taken(
        shopify(row, "short", row.replace(",1,Mug", ",x,Mug"), row, f"{row},long"),
        reading=replace(reading, currency="CAD", now=datetime(2015, 1, 1)),
    )
    assert {at: reasons for at, (_, reasons) in quarantine().items()} == {
        2: ["missing columns"], 3: ['quantity: a whole number was expected, found "x"'], 5: ["too many columns"]
    }  # fmt: skip


AMAZON = "\t".join([
    "amazon-order-id", "merchant-order-id", "purchase-date", "last-updated-date", "order-status", "sku", "asin",
    "product-name", "item-status", "quantity", "currency", "item-price", "item-tax", "shipping-price",
    "ship-country", "promotion-ids",
])  # fmt: skip


def amazon(quantity: str, price: str, *, currency: str = "EUR", sku: str = "S-1") -> str:
    return "\t".join([
        "303-1", "", "2014-08-01T22:30:00+00:00", "2014-08-03T00:00:00+00:00", "Shipped", sku, "B00X", 'Mug 5" blue',
        "Shipped", quantity, currency, price, "1.90", "0.0", "DE", "",
    ])  # fmt: skip


def test_the_amounts_of_amazons_lines_become_prices_of_one_unit(
    taken: Any, rows_of: Any, quarantine: Any, reading: Reading
) -> None:
    """item-price is what the line costs: taken for the price of one, three mugs cost nine times one."""
    rows = [
        amazon("3", "30.00"),
        amazon("1", "9.99", sku=""),
        amazon("0", "5.00"),
        amazon("0", "", currency=""),
    ]
    arrival = taken(
        "\n".join([AMAZON, *rows]), name="all orders.txt",
        reading=replace(reading, currency="EUR", timezone="Europe/Berlin", now=datetime(2015, 1, 1)),
    )  # fmt: skip
    assert arrival.header == "Amazon, all orders"
    assert "item-price" in arrival.basis
    moment = datetime(2014, 8, 2, 0, 30)
    assert rows_of(LINES) == [
        ("303-1", "B00X", 'Mug 5" blue', 1, moment, 9.99, None, "DE"),
        ("303-1", "S-1", 'Mug 5" blue', 3, moment, 10.0, None, "DE"),
    ]
    assert [reasons for _, reasons in quarantine().values()] == [
        ["quantity: it is 0, so that the line has no price of one unit"],
        [
            "line_amount: a number was expected, found nothing",
            "quantity: it is 0, so that the line has no price of one unit",
            "currency: EUR was expected, found nothing",
        ],
    ]


def test_a_quantity_that_cannot_be_read_is_the_only_reason_of_its_line(
    taken: Any, quarantine: Any, reading: Reading
) -> None:
    taken(
        f"{AMAZON}\n{amazon('many', '30.00')}",
        reading=replace(reading, currency="EUR", now=datetime(2015, 1, 1)),
    )
    assert quarantine()[1][1] == ['quantity: a whole number was expected, found "many"']


def test_what_was_bought_at_amazon_is_read(taken: Any, rows_of: Any, reading: Reading) -> None:
    header = (
        "Order Date,Order ID,Title,Category,ASIN/ISBN,List Price Per Unit,Purchase Price Per Unit,Quantity,"
        "Ordering Customer Email,Item Subtotal,Item Total,Currency"
    )
    row = "03/04/2011,111-1,Mug,KITCHEN,B00X,$12.00,$10.50,2,me@x.org,$21.00,$22.68,USD"
    arrival = taken(f"{header}\n{row}\n", reading=replace(reading, currency="USD"))
    assert (arrival.header, arrival.currency) == ("Amazon, items bought", "USD")
    assert rows_of(LINES) == [("111-1", "B00X", "Mug", 2, datetime(2011, 3, 4), 10.5, "me@x.org", None)]


def test_the_order_history_of_amazon_is_read(taken: Any, rows_of: Any, reading: Reading) -> None:
    header = (
        '"Website","Order ID","Order Date","Currency","Unit Price","Unit Price Tax","Shipping Charge",'
        '"Total Discounts","Total Owed","ASIN","Quantity","Product Name"'
    )
    row = '"Amazon.com","111-1","2011-03-04T05:06:07Z","USD","10.50","0.9","0","0","22.80","B00X","2","Mug"'
    arrival = taken(f"{header}\n{row}\n", reading=replace(reading, currency="USD", timezone="Europe/London"))
    assert arrival.header == "Amazon, order history"
    assert rows_of(LINES) == [("111-1", "B00X", "Mug", 2, datetime(2011, 3, 4, 5, 6, 7), 10.5, None, None)]


# Sets of one's own

OWN = {
    "name": "Kasse", "basis": "Bruttopreis je Zeile, ohne Versand.", "currency_code": "EUR", "date_order": "day_first",
    "invoice_id": "Bon", "product_id": ["Artikel", "EAN"], "quantity": "Menge", "sold_at": "Datum",
    "line_amount": "Betrag",
}  # fmt: skip


def own(reading: Reading, entry: dict[str, Any] = OWN, **settings: Any) -> Reading:
    return replace(reading, sets=(header_set(entry, is_own=True), *header_sets()), **settings)


def test_a_set_of_ones_own_is_followed(taken: Any, rows_of: Any, reading: Reading) -> None:
    file = "Bon;Datum;Artikel;EAN;Menge;Betrag\n7;3/4/2011 18:00;;4006381333931;2;1.234,50\n"
    arrival = taken(file, reading=own(reading, currency="EUR"))
    assert (arrival.header, arrival.basis, arrival.currency) == ("Kasse", OWN["basis"], "EUR")
    assert rows_of("SELECT product_id, quantity, sold_at, unit_price FROM landing.orders") == [
        ("4006381333931", 2, datetime(2011, 4, 3, 18), Decimal("617.25"))
    ]


def test_a_set_of_ones_own_goes_before_those_that_are_known(
    taken: Any, rows_of: Any, reading: Reading
) -> None:
    """Their names would be ambiguous, though the person has said which column counts."""
    entry = {
        "name": "mine", "invoice_id": "InvoiceNo", "product_id": "StockCode", "quantity": "Quantity",
        "sold_at": "InvoiceDate", "unit_price": "Paid",
    }  # fmt: skip
    file = "InvoiceNo,StockCode,Quantity,InvoiceDate,UnitPrice,Price,Paid\n1,a,1,2011-01-01,9,8,7\n"
    assert taken(file, reading=own(reading, entry)).header == "mine"
    assert rows_of("SELECT unit_price FROM landing.orders") == [(Decimal(7),)]


@pytest.mark.parametrize(
    ("currency", "reason"),
    [
        (None, 'Add currency = "EUR" to tillage.toml'),
        (
            "GBP",
            "says that its amounts are in EUR, but the shop's currency is GBP. One home holds one currency",
        ),
    ],
)
def test_the_currency_of_a_set_is_the_shops_or_the_file_is_refused(
    taken: Any, reading: Reading, currency: str | None, reason: str
) -> None:
    arrival = taken(
        "Bon;Datum;Artikel;Menge;Betrag\n7;3/4/2011;a;2;1,50\n", reading=own(reading, currency=currency)
    )
    assert arrival.state == "refused"
    assert reason in arrival.reason


def test_a_file_that_was_refused_is_tried_again_with_a_new_set_or_currency(
    orders: Path, intake: Any, reading: Reading
) -> None:
    (orders / "a.csv").write_text("Bon;Datum;Artikel;Menge;Betrag\n7;3/4/2011;a;2;1,50\n")
    assert intake().arrivals[0].state == "refused"
    assert not intake().arrivals
    assert intake(own(reading)).arrivals[0].state == "refused"
    assert intake(own(reading, currency="EUR")).arrivals[0].state == "accepted"


def test_a_parquet_whose_columns_differ_by_case_alone_is_refused(orders: Path, intake: Any) -> None:
    """The engine renames the second, and one of them would be taken without a word."""
    names = ["invoice_id", "product_id", "quantity", "sold_at", "unit_price"]
    pl.DataFrame({name: ["1"] for name in [*names, "Unit_Price"]}).write_parquet(orders / "a.parquet")
    [arrival] = intake().arrivals
    assert arrival.state == "refused"
    assert "more than one column stands for unit_price: unit_price, Unit_Price." in arrival.reason


def test_nested_columns_of_a_parquet_do_not_shift_the_others(orders: Path, intake: Any, rows_of: Any) -> None:
    duckdb.execute(
        "COPY (SELECT {'country': 'x', 'in': {'invoice_id': 1}} AS more, [1, 2] AS list, '1' AS invoice_id, "
        "MAP {'a': 1} AS map, 'a' AS product_id, 1 AS quantity, 2.5 AS unit_price, DATE '2011-01-01' AS sold_at) "
        f"TO '{orders / 'a.parquet'}' (FORMAT parquet)"
    )
    assert intake().arrivals[0].rows_accepted == 1
    assert rows_of("SELECT invoice_id, product_id, quantity FROM landing.orders") == [("1", "a", 1)]
