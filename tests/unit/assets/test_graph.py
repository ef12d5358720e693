"""The graph follows from the SQL, the contracts, the rules and the seeds, and nothing else."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.graph import SEEDS_DIR, Graph, graph
from expectations import rules as rules_module
from expectations.rules import Rule
from warehouse.contract import Column, Table
from warehouse.errors import TillageError
from warehouse.plan import Sees
from warehouse.tables import TABLES


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    """The folder of a shop's own seeds."""
    (tmp_path / "seeds").mkdir()
    return tmp_path / "seeds"


def codes(found: Graph) -> dict[str, str]:
    return {name: node.code for name, node in found.nodes.items()}


def changed(one: Graph, other: Graph) -> set[str]:
    return {name for name, code in codes(one).items() if codes(other)[name] != code}


def with_table(name: str, **change: Any) -> Mapping[str, Table]:
    return {**TABLES, name: replace(TABLES[name], **change)}


def test_every_table_but_landing_and_meta_is_made_after_its_inputs(seeds: Path) -> None:
    nodes = graph(seeds).nodes
    assert set(nodes) == {name for name, table in TABLES.items() if table.is_made}
    order = list(nodes)
    for name, node in nodes.items():
        sources = node.inputs.keys() & nodes.keys() - {name}
        assert all(order.index(source) < order.index(name) for source in sources)


def test_how_an_input_is_seen_follows_from_what_both_are_partitioned_by(seeds: Path) -> None:
    nodes = graph(seeds).nodes
    assert nodes["core.order_lines"].inputs == {
        "landing.orders": Sees.SAME, "seeds.categories": Sees.WHOLE, "seeds.not_goods": Sees.WHOLE
    }  # fmt: skip
    assert nodes["core.customer_months"].inputs == {"core.order_lines": Sees.SAME}
    assert nodes["overview.countries"].inputs == {"core.customers": Sees.SAME, "core.sales_days": Sees.UP_TO}
    assert nodes["segments.rfm"].inputs == {
        "core.customer_months": Sees.UP_TO, "core.sales_days": Sees.UP_TO, "seeds.rfm_segments": Sees.WHOLE
    }  # fmt: skip
    assert nodes["segments.rfm_moves"].inputs == {"segments.rfm": Sees.PREVIOUS}
    assert nodes["seeds.not_goods"].inputs == {}
    assert {name for name, node in nodes.items() if not node.is_monthly} == {
        name for name in nodes if name.startswith("seeds.")
    }


def test_a_contract_may_say_how_an_input_is_seen(seeds: Path) -> None:
    nodes = graph(seeds).nodes
    assert nodes["core.returns"].inputs == {"core.order_lines": Sees.UP_TO}
    assert nodes["segments.rfm_moves"].inputs == {"segments.rfm": Sees.PREVIOUS}
    for name, node in nodes.items():
        assert TABLES[name].sees.keys() <= node.inputs.keys(), (
            f"{name} says of an input that it does not read"
        )


def test_a_query_that_reads_its_own_table_sees_of_it_the_month_before(seeds: Path) -> None:
    nodes = graph(seeds).nodes
    assert nodes["segments.clusters"].inputs == {
        "segments.habits": Sees.SAME, "segments.customer_features": Sees.SAME,
        "segments.cluster_quality": Sees.SAME, "segments.clusters": Sees.BEFORE, "seeds.clustering": Sees.WHOLE,
    }  # fmt: skip


def test_a_monthly_table_depends_only_on_monthly_tables_and_seeds(seeds: Path) -> None:
    """A table without months in the middle would make every month stale with each new line."""
    for name, node in graph(seeds).nodes.items():
        for source in node.inputs:
            assert TABLES[source].partition_column or TABLES[source].schema == "seeds", (name, source)


def test_the_same_sources_have_the_same_code(seeds: Path) -> None:
    assert codes(graph(seeds)) == codes(graph(seeds))
    assert len(set(codes(graph(seeds)).values())) == len(graph(seeds).nodes)


def test_words_for_people_change_no_code(seeds: Path) -> None:
    """A better description must not make a whole warehouse anew."""
    table = TABLES["core.sales_days"]
    columns = tuple(replace(column, description="Another.", unit="other") for column in table.columns)
    other = graph(
        seeds, with_table(table.qualified, columns=columns, description="Another.", grain="Another.")
    )
    assert changed(graph(seeds), other) == set()


@pytest.mark.parametrize(
    "change",
    [
        {"primary_key": ("day",)},
        {"columns": tuple(replace(at, nullable=True) for at in TABLES["core.sales_days"].columns)},
        {"columns": tuple(replace(at, minimum=1) for at in TABLES["core.sales_days"].columns)},
        {"columns": (*TABLES["core.sales_days"].columns, Column("more", "DATE", "", nullable=True))},
    ],
    ids=["key", "nullable", "minimum", "column"],
)
def test_a_change_of_the_contract_changes_the_code_of_its_table(seeds: Path, change: Any) -> None:
    assert changed(graph(seeds), graph(seeds, with_table("core.sales_days", **change))) == {"core.sales_days"}


def test_a_change_of_the_sql_changes_the_code_of_its_table(seeds: Path) -> None:
    table = replace(TABLES["core.sales_days"])
    table.__dict__["query"] = TABLES["core.sales_days"].query.replace("0", "1")
    assert changed(graph(seeds), graph(seeds, {**TABLES, "core.sales_days": table})) == {"core.sales_days"}


def test_a_change_of_a_rule_changes_the_code_of_its_table(
    seeds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = graph(seeds)
    rules = (*rules_module.BUSINESS["core.sales_days"], Rule("new", "New.", "SELECT * FROM {batch}"))
    monkeypatch.setitem(rules_module.BUSINESS, "core.sales_days", rules)
    assert changed(before, graph(seeds)) == {"core.sales_days"}


# Seeds


def _rows(found: Graph, name: str) -> list[tuple[Any, ...]]:
    return duckdb.sql(found.queries[name]).fetchall()


def test_a_seed_of_the_shop_stands_in_for_the_one_shipped(seeds: Path) -> None:
    before = graph(seeds)
    (seeds / "not_goods.csv").write_text("pattern,meaning\nGIFT*,voucher\n")
    assert changed(before, graph(seeds)) == {"seeds.not_goods"}
    assert _rows(graph(seeds), "seeds.not_goods") == [("GIFT*", "voucher")]
    (seeds / "not_goods.csv").unlink()
    assert changed(before, graph(seeds)) == set()


def test_columns_of_a_seed_are_found_by_name(seeds: Path) -> None:
    """Read by place, every meaning would be a pattern, and nothing would be goods or all."""
    (seeds / "not_goods.csv").write_text('\ufeffmeaning,pattern\n"carriage, by post",POST\n')
    assert _rows(graph(seeds), "seeds.not_goods") == [("POST", "carriage, by post")]


def test_the_folder_of_a_home_is_no_pattern(tmp_path: Path) -> None:
    seeds = tmp_path / "the [shop]'s" / "seeds"
    seeds.mkdir(parents=True)
    (seeds / "not_goods.csv").write_text("pattern,meaning\nP,m\n")
    assert _rows(graph(seeds), "seeds.not_goods") == [("P", "m")]


@pytest.mark.parametrize(
    "text", ["pattern\nPOST\n", "pattern;meaning\nPOST;m\n", "pattern,meaning,more\n", ""]
)
def test_a_seed_with_other_columns_is_told(seeds: Path, text: str) -> None:
    (seeds / "not_goods.csv").write_text(text)
    with pytest.raises(TillageError, match=r"not_goods\.csv must have the columns pattern, meaning, and has"):
        graph(seeds)


def test_columns_of_a_seed_that_may_be_empty_may_be_left_out(seeds: Path) -> None:
    """A shop's own file goes on to work when a column is added."""
    row = (date(2011, 5, 1), date(2011, 5, 2))
    (seeds / "events.csv").write_text("name,first_day,last_day,country\nFair,2011-05-01,2011-05-02,All\n")
    assert _rows(graph(seeds), "seeds.events") == [("Fair", *row, "All", None)]
    (seeds / "events.csv").write_text(
        "category,name,first_day,last_day,country\nMugs,Fair,2011-05-01,2011-05-02,All\n,Sale,2011-05-01,2011-05-02,All\n"
    )
    assert _rows(graph(seeds), "seeds.events") == [
        ("Fair", *row, "All", "Mugs"),
        ("Sale", *row, "All", None),
    ]
    (seeds / "events.csv").write_text(
        "name,first_day,last_day,country,kind\nFair,2011-05-01,2011-05-02,All,Mugs\n"
    )
    with pytest.raises(TillageError, match=r"country, category, and has .* country, kind"):
        graph(seeds)


def test_a_seed_in_another_encoding_is_told(seeds: Path) -> None:
    (seeds / "not_goods.csv").write_bytes("pattern,meaning\nP,£\n".encode("latin-1"))
    with pytest.raises(TillageError, match=r"not_goods\.csv cannot be read .* Save it as a CSV in UTF-8"):
        graph(seeds)


def test_every_shipped_seed_is_a_table() -> None:
    assert {f"seeds.{file.stem}" for file in SEEDS_DIR.glob("*.csv")} == {
        name for name, table in TABLES.items() if table.schema == "seeds"
    }


def test_every_pair_of_scores_has_a_segment(seeds: Path) -> None:
    rows = _rows(graph(seeds), "seeds.rfm_segments")
    assert {(r, fm) for r, fm, _ in rows} == {(r, fm) for r in range(1, 6) for fm in range(1, 6)}
    assert {segment for *_, segment in rows} == {
        "Champions", "Loyal", "Potential Loyalist", "New", "Promising", "Need Attention", "About to Sleep",
        "At Risk", "Cannot Lose Them", "Hibernating", "Lost",
    }  # fmt: skip
