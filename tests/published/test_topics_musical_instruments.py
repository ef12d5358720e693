"""Topics of the reviews of musical instruments (McAuley 2014): how clear, and the same on any number of threads."""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.graph import Graph
from assets.make import make
from assets.topics.coherence import TERMS, WINDOW, c_v, count_together
from assets.topics.text import joined, learn_phrases, tokens
from expectations.audit import audit
from warehouse.intake import take_in
from warehouse.intake.headers import header_sets
from warehouse.intake.layout import Reading
from warehouse.lake import ensure, open_lake
from warehouse.records import prepare
from warehouse.tables import TABLES

pytestmark = pytest.mark.slow  # a search takes a minute and more

SEEDS_READ = {f"seeds.{name}" for name in ("english_words", "stop_words", "topics")}
READING = Reading(header_sets(), None, date(1990, 1, 1), datetime(2015, 1, 1))

Topics = dict[str, pl.DataFrame]


@pytest.fixture(scope="module")
def topics_of(
    shared_data: Callable[[str], Path], shop_graph: Graph, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[int], Topics]:
    """Makes every table of topics in a lake of these reviews alone, on so many threads."""
    file = shared_data("reviews_musical_instruments.parquet")

    def of(threads: int) -> Topics:
        home = tmp_path_factory.mktemp("instruments")
        (home / "landing" / "reviews").mkdir(parents=True)
        (home / "landing" / "reviews" / file.name).write_bytes(file.read_bytes())
        with open_lake(home / "lake", threads=threads) as lake:
            prepare(lake)
            ensure(lake, TABLES["sentiment.reviews"])
            take_in(lake, home / "landing", READING)
            names = [name for name in shop_graph.nodes if name.startswith("topics.")]
            for name in shop_graph.nodes:
                if name in SEEDS_READ or name == "core.reviews" or name in names:
                    make(lake, name, shop_graph, judge=audit)
            assert lake.execute("SELECT * FROM meta.refusals").fetchall() == []
            return {name: lake.execute(f"FROM {name} ORDER BY ALL").pl() for name in names}

    return of


@pytest.fixture(scope="module")
def topics(topics_of: Callable[[int], Topics]) -> Topics:
    """Made on one thread."""
    return topics_of(1)


def test_the_topics_that_serve_are_clear_by_gensim_too(topics: Topics) -> None:
    """0.52 is wanted at eight topics and more; an LDA fitted with little care has 0.45 at eight.

    gensim forgets words in texts longer than its window, so what it counts is lower than what we do.
    """
    from gensim.corpora import Dictionary
    from gensim.models import CoherenceModel

    [chosen] = topics["topics.models"].filter("is_chosen").to_dicts()
    assert chosen["topics"] >= 8
    assert chosen["c_v"] >= 0.52
    fits = topics["topics.fits"]
    assert fits.height == chosen["topics"]
    assert fits["c_v"].mean() >= 0.52
    learned = topics["topics.learned"].join(topics["topics.words"], on=["month", "review_id"]).sort("place")
    found = tokens(learned["words"])
    if chosen["has_phrases"]:
        found = joined(found, learn_phrases(found, learned.height))
    tops = [row[:TERMS] for row in fits["terms"].to_list()]
    assert c_v(tops, count_together(found, tops, WINDOW)).mean() == pytest.approx(
        fits["c_v"].mean(), abs=0.001
    )
    written = found.group_by("d", maintain_order=True).agg("word")["word"].to_list()
    theirs = CoherenceModel(
        topics=tops, texts=written, dictionary=Dictionary(written), coherence="c_v", topn=TERMS, processes=1
    ).get_coherence()
    assert theirs >= 0.52


def test_topics_are_those_that_people_play_and_mend(topics: Topics) -> None:
    """What anybody finds who reads these reviews: strings, pedals, stands and microphones have a topic of their own."""
    names = " ".join(topics["topics.topics"]["name"])
    assert all(word in names for word in ("string", "pedal", "stand", "mic"))
    documents = topics["topics.documents"]
    assert documents.select("month", "review_id").unique().height == 10_261
    assert documents.filter("is_leading").height > 5_000


def test_two_threads_make_the_same_rows_as_one(topics: Topics, topics_of: Callable[[int], Topics]) -> None:
    again = topics_of(2)
    assert again.keys() == topics.keys()
    for name, rows in topics.items():
        assert rows.height > 0
        assert_frame_equal(rows, again[name])
