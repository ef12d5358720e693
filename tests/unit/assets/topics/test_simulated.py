"""Topics of the simulator's reviews, beside those that were planted in them."""

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

import simulator
from assets.graph import graph
from assets.make import make
from warehouse.intake import take_in
from warehouse.intake.headers import header_sets
from warehouse.intake.layout import Reading
from warehouse.lake import ensure, open_lake
from warehouse.records import prepare
from warehouse.tables import TABLES

pytestmark = pytest.mark.slow  # a search of minutes for each shop

FIRST, JUMPS_IN = date(2010, 1, 1), date(2011, 1, 1)
# The ladder of a shop about the twelve topics that are planted: fits of five or thirty take most of a search.
SETTINGS = """least_reviews,least_topics,most_topics,learned_reviews,search_months,leading_share,mapped_reviews
200,8,20,10000,12,0.4,100
"""


@dataclass(frozen=True)
class Shop:
    """What was planted, what was found, and the planted topic that most reviews of each found one are about.

    Attributes:
        truth: review_id, month, topic (the leading one) and topic_words (number of words of each).
        topics: Names of the planted topics, in the order of topic_words.
        documents: topics.documents.
        trend: topics.trend.
        held: Planted topic by topic_id.
    """

    truth: pl.DataFrame
    topics: list[str]
    documents: pl.DataFrame
    trend: pl.DataFrame
    held: dict[str, str]


@pytest.fixture(scope="module", params=[1, 2, 3])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Eighteen months of reviews, one share jumping in the thirteenth and one drifting all the time."""
    home = tmp_path_factory.mktemp("shop")
    written = simulator.write(
        home, months=18, customers=400, seed=request.param, first_month=FIRST, reviews=0.5
    )
    for file in written.files:
        file.unlink()
    (home / "seeds" / "topics.csv").write_text(SETTINGS)
    tables = graph(home / "seeds")
    with open_lake(home / "lake", threads=1) as lake:
        prepare(lake)
        ensure(lake, TABLES["sentiment.reviews"])
        take_in(lake, home / "landing", Reading(header_sets(), None, date(1990, 1, 1), datetime(2013, 1, 1)))
        for name in tables.nodes:
            if name == "core.reviews" or name.split(".")[0] in {"seeds", "topics"}:
                make(lake, name, tables)
        documents, trend = (lake.execute(f"FROM topics.{name}").pl() for name in ("documents", "trend"))
    truth = {file.stem: pl.read_parquet(file) for file in written.truth}
    about = documents.filter("is_leading").join(truth["reviews"], on=["month", "review_id"])
    most = about.group_by("topic_id", "topic").len().sort("len", "topic").group_by("topic_id")
    return Shop(
        truth["reviews"],
        truth["review_words"]["topic"].unique(maintain_order=True).to_list(),
        documents,
        trend,
        dict(most.agg(pl.last("topic")).iter_rows()),
    )


def test_planted_topics_are_found_pure(shop: Shop) -> None:
    """Of the reviews that topics lead nine in ten are about what those topics are about; purity 0.9 is wanted."""
    led = shop.documents.filter("is_leading").join(shop.truth, on=["month", "review_id"])
    assert led.height >= 0.9 * shop.truth.height
    held = led["topic_id"].replace_strict(shop.held, return_dtype=pl.String)
    assert (led["topic"] == held).mean() >= 0.9
    assert len(set(shop.held.values())) >= len(shop.topics) - 1


def test_shares_are_those_written_within_three_points_in_nine_of_ten_months(shop: Shop) -> None:
    words = np.array(shop.truth["topic_words"].to_list(), dtype=np.float64)
    told = shop.truth.select("month", pl.DataFrame(words, schema=shop.topics).to_struct("words"))
    told = told.unnest("words").filter(words.sum(axis=1) > 0)
    whole = pl.sum_horizontal(shop.topics)
    written = told.group_by("month").agg((pl.col(shop.topics) / whole).mean()).sort("month")
    found = shop.trend.with_columns(
        topic=pl.col("topic_id").replace_strict(shop.held, return_dtype=pl.String)
    )
    shares = found.group_by("month", "topic").agg(pl.col("share").sum())
    assert shares.height == 18 * len(set(shop.held.values()))
    beside = shares.join(
        written.unpivot(index="month", variable_name="topic", value_name="written"), on=["month", "topic"]
    )
    off = beside.group_by("topic").agg(((pl.col("share") - pl.col("written")).abs() <= 0.03).mean())
    assert (off["share"] >= 0.9).all(), off


def test_the_jump_is_found_in_its_month(shop: Shop) -> None:
    """The share of one topic grows fourfold in every category; no other changes as much in any month."""
    jumps = shop.trend.filter("is_jump").sort("change")
    highest = jumps.tail(1).to_dicts()[0]
    assert highest["month"] == JUMPS_IN
    assert shop.held[highest["topic_id"]] == shop.topics[1]
    assert highest["change"] > 0.1
