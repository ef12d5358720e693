"""Shops too small or too plain to say anything of: every table of customers and baskets gives rows that hold, or none."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.computed import step_of
from assets.graph import Graph
from expectations.rules import rules
from warehouse.plan import Plan, month_range, next_month
from warehouse.tables import TABLES

GROUPS = ("segments", "cohorts", "value", "churn", "rules", "recommendations")
OF_GROUPS = tuple(name for name, table in TABLES.items() if table.schema in GROUPS)
MONTHS = month_range(date(2011, 1, 1), date(2011, 8, 1))
FIRST = datetime(2011, 1, 3, 10)
NAMES = "month,file_id,row,invoice_id,product_id,description,quantity,sold_at,unit_price,customer_id,country"
# A number, and the column that says why it is missing.
REASONS = {
    "value.lifetime": ("expected_orders", "reason"),
    "churn.risk": ("probability", "missing_reason"),
    "segments.service_demand": ("expected_return_lines", "reason"),
    "segments.cluster_quality": ("NULL", "why"),
    "rules.summary": ("nullif(rules, 0)", "reason"),
}
OF_ALL = ("rfm", "customer_features", "habits", "holdouts", "cluster_quality", "concentration", "actions")

Line = tuple[object, ...]


def lines(
    *,
    customers: int = 24,
    days: int = 240,
    every: int = 17,
    price: str = "2.50",
    quantity: int = 1,
    prefix: str = "",
    is_plain: bool = False,
    closed: tuple[int, ...] = (),
) -> Iterator[Line]:
    """Customers who buy every so many days, each in a rhythm, of a size and at hours of its own unless it is plain."""
    for customer in range(customers):
        own = 0 if is_plain else customer
        for number, day in enumerate(range(own, days, every + own)):
            at = FIRST + timedelta(days=day, hours=0 if is_plain else number % 6)
            if at.month not in closed:
                invoice = f"{prefix}{500_000 + customer * 100 + number}"
                yield (
                    at.date().replace(day=1), "f", customer * 1_000 + number, invoice, f"8512{own % 7}A", "HEART",
                    quantity * (1 + own % 5), at, price, f"{100 + customer}", "EIRE",
                )  # fmt: skip


def of_one_kind() -> Iterator[Line]:
    """One unit of one product at one hour, in rhythms of their own: most features are constant."""
    for line in lines():
        yield (*line[:4], "85123A", "HEART", 1, line[7].replace(hour=10), *line[8:])


def together(*baskets: tuple[str, ...], customers: int = 12) -> Iterator[Line]:
    """Baskets of these goods, one after the other, day by day; each customer's begin with another."""
    for customer in range(customers):
        for number in range(30):
            at = FIRST + timedelta(days=7 * number + customer % 7)
            for place, good in enumerate(baskets[(customer + number) % len(baskets)]):
                yield (
                    at.date().replace(day=1), "f", customer * 1_000 + number * 10 + place,
                    f"{500_000 + customer * 100 + number}", good, f"THING {place}", 1, at, "2.50", f"{100 + customer}",
                    "EIRE",
                )  # fmt: skip


RETURNED = (date(2011, 3, 1), "g", 1, "C999999", "85120A", "HEART", -3, datetime(2011, 3, 10, 11), "2.50", "999", "EIRE")  # fmt: skip

SHOPS: dict[str, Callable[[], Iterable[Line]]] = {
    "one customer": lambda: lines(customers=1),
    "one order": lambda: lines(customers=1, days=1),
    "nobody comes back": lambda: lines(days=1, every=999),
    "nobody comes back, over months": lambda: (line for line in lines() if str(line[3]).endswith("00")),
    "all equal": lambda: lines(is_plain=True),
    "months without sales": lambda: lines(closed=(4, 5)),
    "a customer with only returns": lambda: iter([*lines(), RETURNED]),
    "nothing but returns": lambda: lines(quantity=-1, prefix="C"),
    "amounts of 0": lambda: lines(price="0"),
    # The least that money has digits for: what is averaged or divided of it is 0.
    "amounts next to 0": lambda: lines(price="0.0001"),
    "constant features": of_one_kind,
    "guests alone": lambda: ((*line[:9], None, line[10]) for line in lines()),
    "one basket": lambda: list(together(tuple(f"8512{n}A" for n in range(9)), customers=1))[:9],
    "an item in every basket": lambda: together(("85120A", "85121A"), ("85120A", "85122A"), ("85120A",)),
    "no pair is frequent": lambda: together(*((f"{10_000 + n}A", f"{20_000 + n}A") for n in range(360))),
    "two names for one code": lambda: together(("85120A", "85120A", "85121A"), ("85120A", "85122A")),
}
SILENT = {"nothing but returns", "amounts of 0"}


@pytest.fixture(scope="session")
def plan(shop_graph: Graph) -> Plan:
    return Plan(shop_graph.nodes, {}, {})


@pytest.fixture(scope="session")
def names(shop_graph: Graph) -> list[str]:
    """The tables of these groups and all that they are made from, in order."""
    wanted: set[str] = set()
    todo = list(OF_GROUPS)
    while todo:
        name = todo.pop()
        if name not in wanted and name in shop_graph.nodes:
            wanted.add(name)
            todo += shop_graph.nodes[name].inputs
    return [name for name in shop_graph.nodes if name in wanted]


def make(tables: duckdb.DuckDBPyConnection, name: str, query: str, months: list[date], scratch: Path) -> None:
    """Fill a table as `publish` does, without a lake."""
    table = TABLES[name]
    bounds = {"start": months[0], "end": next_month(months[-1])}
    used = {key: value for key, value in bounds.items() if f"${key}" in query}
    step = step_of(table, months)
    columns = ", ".join(f'"{column}"' for column in table.shape)
    if step is not None:
        given, made = scratch / "given.parquet", scratch / "made.parquet"
        tables.execute(f"COPY ({query}) TO '{given}' (FORMAT parquet)", used)
        step(given, made)
        query, used = f"FROM read_parquet('{made}')", {}
    by = table.partition_column
    where = f"WHERE {by} IN (SELECT unnest($months))" if by else ""
    tables.execute(
        f"INSERT INTO {name} BY NAME SELECT {columns} FROM ({query}) {where}",
        {**used, **({"months": months} if by else {})},
    )


@pytest.mark.parametrize("shop", SHOPS)
def test_a_table_gives_rows_that_hold_or_none(
    shop: str,
    tables: duckdb.DuckDBPyConnection,
    fill: Callable[..., None],
    names: list[str],
    plan: Plan,
    shop_graph: Graph,
    tmp_path: Path,
) -> None:
    """A crash holds back what others wait for, and a NaN looks like a number."""
    fill("landing.orders", NAMES, *SHOPS[shop]())
    for name in names:
        at_once = [[month] for month in MONTHS] if plan.is_chain(name) else [MONTHS]
        for months in at_once:
            make(tables, name, shop_graph.queries[name], months, tmp_path)

    def ask(sql: str) -> list[tuple[Any, ...]]:
        return tables.execute(sql).fetchall()

    broken = [
        (name, rule.name, ask(rule.failing.format(batch=name))[:1])
        for name in OF_GROUPS
        for rule in rules(TABLES[name])
        if rule.severity == "error" and ask(rule.failing.format(batch=name))
    ]
    assert broken == []
    strange = [
        (name, column)
        for name in OF_GROUPS
        for column, kind in TABLES[name].shape.items()
        if kind == "DOUBLE" and ask(f"SELECT 1 FROM {name} WHERE NOT isfinite({column}) LIMIT 1")
    ]
    assert strange == []
    untold = [
        name
        for name, (number, reason) in REASONS.items()
        if ask(f"SELECT 1 FROM {name} WHERE {number} IS NULL AND {reason} IS NULL LIMIT 1")
    ]
    assert untold == []
    has_rows = {name for name in OF_GROUPS if ask(f"SELECT 1 FROM {name} LIMIT 1")}
    if shop in SILENT:
        assert has_rows == {"rules.summary"}, "it says that there is no basket"
    elif shop == "guests alone":
        assert {TABLES[name].schema for name in has_rows} <= {"rules", "recommendations"}
        assert "rules.summary" in has_rows
    else:
        assert has_rows >= {
            "rules.summary",
            "value.lifetime",
            "churn.risk",
            "cohorts.retention",
            "segments.service_demand",
            *(f"segments.{name}" for name in OF_ALL),
        }
    # What lies in every basket goes with nothing, and what was bought by chance belongs to nothing.
    assert (
        ask("SELECT * FROM rules.rules WHERE is_rule AND (consequent = '85120A' OR '85120A' IN antecedent)")
        == []
    )
    nobody = [
        name
        for name in OF_GROUPS
        if "customer_id" in TABLES[name].shape and ask(f"SELECT 1 FROM {name} WHERE customer_id = '999'")
    ]
    assert nobody == []
