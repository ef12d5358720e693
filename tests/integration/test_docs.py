"""What the pages tell a reader to ask can be asked, and a small shop answers it."""

import re
import shlex
from datetime import date
from pathlib import Path

from warehouse.lake import ensure, select
from warehouse.lineage import reads
from warehouse.tables import TABLES

ROOT = Path(__file__).parents[2]
ASKED = ("README.md", "docs/tutorial.md")
PAGES = (*ASKED, "docs/how-to-go-on.md", "docs/settings.md", "docs/figures.md")


def commands(page):
    """The SQL that a page hands to `tillage query`."""
    text = (ROOT / page).read_text(encoding="utf-8")
    words = shlex.split("\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)), comments=True)
    return [
        words[at + 2]
        for at, word in enumerate(words)
        if word.endswith("tillage") and words[at + 1] == "query"
    ]


def inline(page):
    """The SELECTs within its sentences."""
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.findall(r"`(SELECT\s[^`]+)`", text)


def test_every_query_of_the_pages_can_be_asked(lake):
    asked = [sql for page in PAGES for sql in (*commands(page), *inline(page))]
    assert len(asked) > 12
    for name in sorted(set().union(*map(reads, asked)) & TABLES.keys()):
        ensure(lake, TABLES[name])
    for sql in asked:
        select(lake, sql).fetchall()


def test_a_small_shop_answers_the_queries_of_readme_and_tutorial(
    orders, small_shop, intake, make_all, lake, shop_graph
):
    for month, text in small_shop.items():
        (orders / f"{month:%Y-%m}.csv").write_text(text, encoding="latin-1")
    with (orders / "2011-04.csv").open("a", encoding="latin-1") as file:
        file.write("999999,10001,A LINE WITHOUT A DAY,1,no day,9.99,,United Kingdom\n")
    # Nothing was tested yet after four months.
    asked = [sql for page in ASKED for sql in commands(page) if "value.backtest" not in sql]
    assert len(asked) == 6
    needed = set().union(*map(reads, asked))
    for name in reversed(shop_graph.nodes):
        if name in needed:
            needed |= shop_graph.nodes[name].inputs.keys()
    intake()
    make_all(lake, [name for name in shop_graph.nodes if name in needed])
    for sql in asked:
        assert select(lake, sql).fetchall(), sql
    newest = "SELECT max(as_of) FROM segments.rfm"
    assert lake.execute(newest).fetchone() == (date(2011, 4, 1),)
