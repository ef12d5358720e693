"""Topics that last: which go on, which are born, which end, and what serves when they have moved."""

from collections.abc import Collection
from datetime import date
from math import log
from typing import Any

import numpy as np
import polars as pl
import pytest

from assets.topics import fits
from assets.topics.fits import BORN, ENDED, KEPT, compute, relevance
from assets.topics.fitting import LDA, NMF
from assets.topics.text import COUNTS, TF_IDF

MONTHS = [date(2010, month, 1) for month in (1, 2, 3)]


@pytest.fixture(scope="module")
def shop(plant: Any) -> pl.DataFrame:
    """Reviews of seven topics: words, and the topic that each is mostly about."""
    every = plant(topics=7, months=1, each=1_400, jump_in=None).reviews
    told = pl.element().str.len_chars() > 4
    return every.select("topic", words=pl.col("text").str.split(" ").list.filter(told))


def fitted(
    shop: pl.DataFrame,
    topics: Collection[int],
    month: date,
    before: pl.DataFrame | None = None,
    *,
    method: str = NMF,
    number: int | None = None,
) -> pl.DataFrame:
    """topics.fits of an as_of whose reviews are about some topics, as the query gives its rows."""
    chosen = {"method": method, "counted": TF_IDF if method == NMF else COUNTS, "has_phrases": False}
    parts = [
        pl.DataFrame([{"kind": "chosen", **chosen, "topics": number or len(topics)}]),
        shop.filter(pl.col("topic").is_in(topics)).select(
            "words", kind=pl.lit("review"), place=pl.int_range(1, pl.len() + 1)
        ),
    ]
    if before is not None:
        alive = before.filter(pl.col("state") != ENDED)
        parts.append(alive.rename({"as_of": "made_as_of"}).with_columns(kind=pl.lit("before")))
    rows = pl.concat(parts, how="diagonal_relaxed").with_columns(as_of=pl.lit(month))
    for name, kind in {"made_as_of": pl.Date, **fits.SHAPE}.items():
        if name not in rows.columns:
            rows = rows.with_columns(pl.lit(None, kind).alias(name))
    return compute(rows, [month])


def about(found: pl.DataFrame, shop: pl.DataFrame) -> dict[str, int]:
    """Which planted topic has most of the first ten terms of each that serves."""
    words = shop.explode("words").group_by("words", "topic").len()
    most = words.sort("len", "topic").group_by("words").agg(pl.last("topic"))
    alive = found.filter(pl.col("state") != ENDED)
    terms = alive.select("topic_id", words=pl.col("terms").list.head(10)).explode("words")
    led = terms.join(most, on="words").group_by("topic_id", "topic").len().sort("len", "topic")
    return dict(led.group_by("topic_id").agg(pl.last("topic")).iter_rows())


def states(found: pl.DataFrame) -> dict[str, str]:
    return dict(found.select("topic_id", "state").iter_rows())


@pytest.mark.parametrize(("method", "number"), [(NMF, 6), (LDA, 4)])
def test_a_topic_that_is_written_of_no_more_ends_and_a_new_one_is_born(
    shop: pl.DataFrame, method: str, number: int
) -> None:
    """The others keep their ids, or a chart of three years would be of twelve topics in each."""
    first = fitted(shop, range(number), MONTHS[0], method=method)
    assert set(states(first).values()) == {BORN}
    assert sorted(states(first)) == [f"2010-01.{at}" for at in range(1, number + 1)]
    meant = about(first, shop)
    assert sorted(meant.values()) == list(range(number))

    second = fitted(shop, range(1, number + 1), MONTHS[1], first, method=method)
    [gone] = [topic for topic, of in meant.items() if of == 0]
    kept = {topic for topic in meant if topic != gone}
    assert states(second) == {**dict.fromkeys(kept, KEPT), gone: ENDED, "2010-02.1": BORN}
    assert about(second, shop) == {**{topic: meant[topic] for topic in kept}, "2010-02.1": number}
    ended = second.filter(pl.col("state") == ENDED).to_dicts()[0]
    assert ended["name"] == first.filter(pl.col("topic_id") == gone)["name"][0]
    assert (ended["terms"], ended["share"], ended["c_v"]) == ([], None, None)

    # What has ended is told of once, and comes back under another id.
    third = fitted(shop, range(number), MONTHS[2], second, method=method)
    assert gone not in states(third)
    assert states(third) == {**dict.fromkeys(kept, KEPT), "2010-02.1": ENDED, "2010-03.1": BORN}
    assert about(third, shop)["2010-03.1"] == 0


def test_what_has_moved_is_found_anew_and_what_stands_still_goes_on(shop: pl.DataFrame) -> None:
    """A model that only ever goes on would tell of what people wrote years ago."""
    first = fitted(shop, range(3), MONTHS[0])
    same = fitted(shop, range(3), MONTHS[1], first)
    assert set(same["updated_from"]) == {MONTHS[0]}
    assert set(same["state"]) == {KEPT}
    assert (same["fresh_overlap"] > 0.5).all()
    assert same["c_v"].mean() >= same["fresh_c_v"].mean() - fits.DRIFT
    other = fitted(shop, range(3, 6), MONTHS[1], first)
    assert sorted(about(other, shop).values()) == [3, 4, 5]
    assert sorted(states(other).values()) == [BORN] * 3 + [ENDED] * 3


def test_what_goes_on_from_a_blur_gives_way_to_what_is_found_afresh(shop: pl.DataFrame) -> None:
    first = fitted(shop, range(3), MONTHS[0])
    terms = sorted({term for of in first["terms"] for term in of})
    blurred = first.with_columns(
        terms=pl.Series([terms] * first.height),
        weights=pl.Series([[1 / len(terms)] * len(terms)] * first.height),
        idf=pl.Series([[1.0] * len(terms)] * first.height),
    )
    found = fitted(shop, range(3), MONTHS[1], blurred)
    alive = found.filter(pl.col("state") != ENDED)
    assert set(alive["updated_from"]) == {None}
    assert sorted(about(found, shop).values()) == [0, 1, 2]
    assert alive["c_v"].equals(alive["fresh_c_v"])
    assert set(alive["fresh_overlap"]) == {1.0}


def test_ids_last_when_another_way_is_chosen(shop: pl.DataFrame) -> None:
    """It is fitted from nothing, and its topics are told by their terms."""
    first = fitted(shop, range(5), MONTHS[0])
    other = fitted(shop, range(5), MONTHS[1], first, method=LDA)
    assert set(other["updated_from"]) == {None}
    assert states(other) == dict.fromkeys(states(first), KEPT)
    assert about(other, shop) == about(first, shop)
    more = fitted(shop, range(6), MONTHS[1], first)
    assert states(more) == {**dict.fromkeys(states(first), KEPT), "2010-02.1": BORN}


def test_names_are_of_the_most_relevant_terms_differ_and_last(shop: pl.DataFrame) -> None:
    first = fitted(shop, range(6), MONTHS[0])
    again = fitted(shop, range(6), MONTHS[1], first)
    names = dict(first.select("topic_id", "name").iter_rows())
    assert len(set(names.values())) == 6
    assert dict(again.select("topic_id", "name").iter_rows()) == names
    for name, terms in first.select("name", "terms").iter_rows():
        assert set(name.split(", ")) <= set(terms[:20])


def test_relevance_is_that_of_a_loop() -> None:
    weights, shares = np.array([[0.6, 0.4, 0.0], [0.1, 0.0, 0.9]]), np.array([0.75, 0.25])
    found = relevance(weights, shares, 0.6)
    for k in range(2):
        for t in range(3):
            weight, overall = weights[k, t], sum(shares[j] * weights[j, t] for j in range(2))
            wanted = 0.6 * log(weight) + 0.4 * log(weight / overall) if weight else -np.inf
            assert found[k, t] == pytest.approx(wanted)
