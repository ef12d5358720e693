"""Rules are data: named, described, and each able to point at the rows that break it."""

from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from expectations.rules import BUSINESS, Rule, rules
from warehouse.contract import Column, Table
from warehouse.tables import TABLES

JUDGED = [name for name, table in TABLES.items() if table.is_made]
ALL = [(name, rule) for name in JUDGED for rule in rules(TABLES[name])]


def test_contracts_say_what_follows_from_columns_and_keys() -> None:
    table = Table(
        "s", "t", "", "",
        (
            Column("month", "DATE", ""), Column("kind", "VARCHAR", "", values=("a", "b")),
            Column("units", "BIGINT", "", nullable=True, minimum=0), Column("free", "VARCHAR", "", nullable=True),
        ),
        ("kind",), "month",
    )  # fmt: skip
    assert [rule.name for rule in rules(table)] == [
        "required_columns_are_given", "columns_are_in_range", "columns_are_known", "key_is_unique"
    ]  # fmt: skip
    assert all(rule.severity == "error" for rule in rules(table))


def test_business_rules_are_those_of_tables_that_are_made() -> None:
    assert set(BUSINESS) <= set(JUDGED)


@pytest.mark.parametrize("name", JUDGED)
def test_names_of_a_table_s_rules_differ(name: str) -> None:
    """A rule is a check in the UI, found by its name."""
    names = [rule.name for rule in rules(TABLES[name])]
    assert len(names) == len(set(names)) > 0
    assert all(rule.description.endswith((".", ")")) for rule in rules(TABLES[name]))


@pytest.mark.parametrize(("name", "rule"), ALL, ids=[f"{name}.{rule.name}" for name, rule in ALL])
def test_every_rule_gives_the_partition_column_of_the_rows_that_fail(name: str, rule: Rule) -> None:
    """Without it a failure could not be told from which month it is: all would be published."""
    table = TABLES[name]
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE staged ({table.definition.replace(' NOT NULL', '')})")
        found = connection.execute(rule.failing.format(batch="staged"))
        assert table.partition_column is None or table.partition_column in [at[0] for at in found.description]
    assert rule.severity in {"error", "warning"}


def test_whatever_judges_otherwise_is_another_rule(order_row: Callable[..., Any]) -> None:
    """A month that was refused by the old rule is judged by the new one."""
    rule = Rule("a", "A.", "SELECT 1")
    others = [
        Rule("b", "A.", "SELECT 1"), Rule("a", "A.", "SELECT 2"), Rule("a", "A.", "SELECT 1", "warning"),
    ]  # fmt: skip
    assert len({rule.identity, *(other.identity for other in others)}) == 4
    assert Rule("a", "Told otherwise.", "SELECT 1").identity == rule.identity
