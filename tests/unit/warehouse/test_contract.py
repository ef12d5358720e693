"""A contract says all of a table that others derive."""

import pytest

from assets.computed import module_of
from warehouse.contract import SQL_DIR, Column, Table, fingerprint
from warehouse.tables import TABLES, meta


def test_a_table_is_written_as_create_table_takes_it() -> None:
    table = Table(
        "s", "t", "", "", (Column("table", "DATE", ""), Column("b", "VARCHAR[]", "", nullable=True)), ("a",)
    )
    assert table.qualified == "s.t"
    assert table.shape == {"table": "DATE", "b": "VARCHAR[]"}
    assert table.definition == '"table" DATE NOT NULL, "b" VARCHAR[]'


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_keys_and_partition_columns_are_columns(table: Table) -> None:
    assert len(table.shape) == len(table.columns)
    assert set(table.primary_key) <= set(table.shape)
    nullable = {column.name for column in table.columns if column.nullable}
    assert table.schema == "meta" or not nullable & set(table.primary_key)
    if table.partition_column:
        assert table.shape[table.partition_column] == "DATE"


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_column_has_a_meaning(table: Table) -> None:
    """The data dictionary is derived from these."""
    assert table.description
    assert table.grain.startswith("one row per ")
    assert all(column.description.endswith(".") for column in table.columns)


def test_every_sql_file_fills_a_table_and_every_table_has_what_fills_it() -> None:
    files = {f"{file.parent.name}.{file.stem}" for file in SQL_DIR.glob("*/*.sql")}
    made = {name: table for name, table in TABLES.items() if table.is_made and table.schema != "seeds"}
    assert files == {
        f"{table.schema}.{name}" for table in made.values() for name in table.query_of or (table.name,)
    }
    assert all(table.query for table in made.values())


def test_a_table_with_the_query_of_another_is_computed() -> None:
    """Else two tables would hold the same rows."""
    others = [table for table in TABLES.values() if table.query_of]
    assert others
    for table in others:
        assert module_of(table)
        parts = [
            (SQL_DIR / table.schema / f"{name}.sql").read_text(encoding="utf-8") for name in table.query_of
        ]
        assert table.query.split("UNION ALL BY NAME\n") == [
            arm for part in parts for arm in part.split("UNION ALL BY NAME\n")
        ]


def test_a_fingerprint_tells_its_parts_apart() -> None:
    assert fingerprint("ab", "c") != fingerprint("a", "bc") != fingerprint("abc")
    assert fingerprint("ab", "c") == fingerprint("ab", "c")
    assert len(fingerprint(*meta.VERSIONS.shape)) == 16
