"""Reviews that tell nothing, or too much of one thing: tables that say so, never a crash or a NaN."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.topics import models
from assets.topics.models import TooLittleText, ladder, search

MONTH = date(2011, 1, 1)
AFTER_MODELS = ("fits", "terms", "documents", "topics", "products", "trend", "map")

Make = Callable[..., dict[str, pl.DataFrame]]


def reviews(texts: list[str | None], *, is_english: bool | None = True) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "month": [MONTH] * len(texts),
            "review_id": [f"{at:05}" for at in range(len(texts))],
            "product_id": [f"P{at % 3}" for at in range(len(texts))],
            "rating": [1 + at % 5 for at in range(len(texts))],
            "title": [None] * len(texts),
            "text": texts,
            "is_english": [is_english] * len(texts),
        },
        schema_overrides={
            "title": pl.String, "text": pl.String, "is_english": pl.Boolean, "month": pl.Date, "review_id": pl.String,
            "product_id": pl.String,
        },
    )  # fmt: skip


def has_no_nan(found: dict[str, pl.DataFrame]) -> bool:
    numbers = [column for rows in found.values() for column in rows.select(pl.col(pl.Float64)).iter_columns()]
    return bool(numbers) and all(column.is_finite().all() for column in numbers)


TOO_FEW = "different reviews have three words and more that tell something, and 200 are needed (seeds.topics)"
MANY = 240
TUNE = "It is a great strap, and I love the way it holds my guitar on the stage every night."
NAMES = [
    f"{'abcdefghij'[at % 10] * 3} {chr(97 + at // 26) * 4} {chr(97 + at % 26) * 5}" for at in range(MANY)
]


def landed(texts: list[str | None]) -> pl.DataFrame:
    """Reviews of two months, each by somebody of their own and with votes, of as few stars as many."""
    return pl.DataFrame(
        [
            {
                "month": date(2010 + at % 2, 12 - 11 * (at % 2), 1),
                "review_id": f"{at:05}",
                "product_id": f"P{at // 2 % 3}",
                "customer_id": f"C{at}",
                "rating": (1, 2, 4, 5)[at // 2 % 4],
                "text": text,
                "reviewed_at": datetime(2010 + at % 2, 12 - 11 * (at % 2), 1 + at % 28, at // 28, at % 60),
                "helpful_votes": at % 3,
                "total_votes": 3,
            }
            for at, text in enumerate(texts, start=1)
        ],
        schema_overrides={"text": pl.String},
    )


@pytest.mark.parametrize(
    ("texts", "why", "no_words", "said"),
    [
        ([TUNE], f"1 {TOO_FEW}", None, ("positive", None)),
        ([None] * MANY, f"0 {TOO_FEW}", "no text", ("unknown", "no text")),
        ([""] * MANY, f"0 {TOO_FEW}", "no text", ("unknown", "no text")),
        (["strap"] * MANY, f"0 {TOO_FEW}", None, ("neutral", None)),
        (["strap\n" * 1_000] * MANY, f"0 {TOO_FEW}", "not English", ("unknown", "not English")),
        (["it is what it is and was"] * MANY, f"0 {TOO_FEW}", "no word but stop words", ("neutral", None)),
        ([f"muy buena correa numero {at} y barata" for at in range(MANY)], f"0 {TOO_FEW}", "not English",
         ("unknown", "not English")),
        (["\U0001f60a \U0001f44d \U0001f3b8" * 9] * MANY, f"0 {TOO_FEW}", "no word but stop words", ("positive", None)),
        (["<p><b class='x'></b>&nbsp;</p>"] * MANY, f"0 {TOO_FEW}", "no text", ("unknown", "no text")),
        (["<p>Great <b>strap</b>!<br/>I love it &amp; use it daily.</p>"] * MANY, f"1 {TOO_FEW}", None,
         ("positive", None)),
        (["I hate the strap and its lock. " * 35_000], f"1 {TOO_FEW}", None, ("negative", None)),
        ([TUNE] * MANY, f"1 {TOO_FEW}", None, ("positive", None)),
        ([f"It is {name}" for name in NAMES], "the reviews share fewer than 50 words", None, ("neutral", None)),
    ],
    ids=["one review", "no text", "an empty text", "one word", "a thousand lines of one word", "stop words",
         "another language", "emoji", "tags alone", "markup", "a megabyte", "identical throughout", "too few words"],
)  # fmt: skip
def test_what_tells_nothing_is_told_as_such_by_every_table(
    all_of: Make, texts: list[str | None], why: str, no_words: str | None, said: tuple[str, str | None]
) -> None:
    """A crash costs a shop its other tables, and a NaN is read as a number by whoever looks at it."""
    found = all_of(landed(texts), MONTH)
    assert has_no_nan(found)
    assert found["core.reviews"].height == len(texts)
    # Of topics there are none, and it is said why.
    assert set(found["topics.words"]["reason"]) == {no_words}
    [row] = found["topics.models"].to_dicts()
    assert (row["method"], row["topics"], row["is_chosen"], row["why"]) == ("none", 0, True, why)
    assert all(found[f"topics.{name}"].is_empty() for name in AFTER_MODELS)
    # Of sentiment there is a score and a label for each review, or the reason for none.
    spoken = found["sentiment.reviews"]
    assert spoken.height == len(texts)
    assert set(spoken.select("label", "missing_reason").iter_rows()) == {said}
    assert set(spoken["score"].is_null()) == {said[0] == "unknown"}
    of_shop = found["sentiment.topics"].filter(pl.col("level") == "shop")
    assert of_shop["reviews"].sum() == (0 if said[0] == "unknown" else len(texts))
    # Where all speak alike nothing is learned, nothing fell and nothing is of more help.
    assert set(found["sentiment.models"]["is_used"]) == {False}
    assert not found["sentiment.alerts"]["is_alert"].any()
    assert set(found["sentiment.helpfulness"]["verdict"]) <= {
        "1 reviews with votes, 50 are needed", "no effect seen", "not known of all, or alike in all",
    }  # fmt: skip
    assert found["sentiment.reviewers"].height == (MANY if texts == [TUNE] * MANY else 0)


def test_without_reviews_there_are_no_rows(topics_of: Make) -> None:
    assert all(rows.is_empty() for rows in topics_of(reviews([]), MONTH).values())


def test_dirt_among_good_reviews_is_told_of_and_harms_nothing(topics_of: Make, plant: Any) -> None:
    """A megabyte of one review, one of another language, copies, emoji: the others' topics stay what they are."""
    good = plant(topics=5, months=2, each=200, jump_in=None).reviews
    month = good["month"].max()
    dirt: list[str | None] = [
        "word " * 200_000, "a" * 1_000_000, None, "the and of", "😀", "<b>x</b>", *(["strong leather strap"] * 50),
        " ".join(good["text"][:20].to_list()),
    ]  # fmt: skip
    good = good.with_columns(is_english=pl.lit(True), title=pl.lit(None, pl.String))
    more = reviews(dirt).with_columns(month=pl.lit(month))
    foreign = more.head(1).with_columns(
        review_id=pl.lit("x"), text=pl.lit("muy buena correa negra"), is_english=pl.lit(False)
    )
    all_of = pl.concat([good.select(more.columns).cast({"rating": pl.Int64}), more, foreign])
    found = topics_of(all_of, month)
    assert has_no_nan(found)
    shares = found["documents"].group_by("month", "review_id").agg(pl.col("share").sum())
    assert shares.height == all_of.height
    assert shares["share"].to_numpy() == pytest.approx(1)
    told = dict(
        found["documents"].filter(pl.col("topic_id") == "None").select("review_id", "reason").iter_rows()
    )
    assert told["00000"] == "no word of any topic"
    assert (told["00001"], told["00003"], told["00004"]) == ("no word but stop words",) * 3
    assert (told["00002"], told["x"]) == ("no text", "not English")
    clean = topics_of(good, month)
    led = [
        rows["documents"].filter("is_leading").join(good.select("review_id", "topic"), on="review_id")
        .group_by("topic_id", "topic").len() for rows in (found, clean)
    ]  # fmt: skip
    for one in led:
        assert one.group_by("topic_id").agg(pl.col("len").max())["len"].sum() >= 0.95 * one["len"].sum()


@pytest.mark.parametrize("words", [60, 3_000])
def test_noise_has_topics_that_say_how_little_they_are_worth(topics_of: Make, words: int) -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    names = [f"{chr(97 + at // 676)}{chr(97 + at // 26 % 26)}{chr(97 + at % 26)}q" for at in range(words)]
    found = topics_of(reviews([" ".join(rng.choice(names, 12)) for _ in range(400)]), MONTH)
    assert has_no_nan(found)
    chosen = found["models"].filter("is_chosen")
    assert chosen.height == 1
    assert chosen["stability"][0] is None or chosen["stability"][0] < 0.6


def test_the_same_reviews_give_the_same_rows_on_one_core_or_two_and_in_any_order(
    topics_of: Make, plant: Any
) -> None:
    good = plant(topics=5, months=3, each=120).reviews.with_columns(
        is_english=pl.lit(True), title=pl.lit(None, pl.String)
    )
    month = good["month"].max()
    one = topics_of(good, month)
    two = topics_of(good.sample(fraction=1, shuffle=True, seed=3), month, threads=2)
    for name, rows in one.items():
        assert rows.height > 0, name
        assert_frame_equal(rows, two[name])


def test_sentiment_is_the_same_on_one_core_or_two_and_in_any_order(all_of: Make, plant: Any) -> None:
    """Sums of many small numbers differ by the order they are taken in, and each would be another version."""
    every = plant(topics=5, months=5, each=270).reviews.with_row_index("at")
    given = every.select(
        "month", "review_id", "product_id", "rating",
        # Of three the lexicon knows one; of the others the words of the topic tell, which are learned.
        text=pl.format("{} It is {}.", "text", pl.when(pl.col("at") % 3 > 0).then(pl.lit("there"))
                       .when(pl.col("rating") > 2).then(pl.lit("good")).otherwise(pl.lit("bad"))),
        customer_id=pl.format("C{}", pl.col("at") % 400),
        reviewed_at=pl.col("month").cast(pl.Datetime("us")) + pl.duration(minutes=pl.col("at") * 31 % 38_000),
        helpful_votes=pl.col("at").cast(pl.Int64) % 4,
        total_votes=pl.lit(3),
    )  # fmt: skip
    month = given["month"].max()
    one = all_of(given, month, schemas=["sentiment"])
    two = all_of(given.sample(fraction=1, shuffle=True, seed=3), month, threads=2, schemas=["sentiment"])
    assert one["sentiment.models"]["is_used"].any()
    assert one["sentiment.reviews"]["learned_as_of"].n_unique() > 1
    for name, rows in one.items():
        assert rows.height > 0 or name in {"sentiment.reviewers", "sentiment.mismatches"}
        assert_frame_equal(rows, two[name])


def test_what_comes_later_changes_no_as_of(topics_of: Make, plant: Any) -> None:
    """As known at the time: a review of March must not name a topic of February."""
    every = plant(topics=5, months=3, each=120).reviews.with_columns(
        is_english=pl.lit(True), title=pl.lit(None, pl.String)
    )
    first, second, third = sorted(set(every["month"]))
    del first
    seen = topics_of(every, second)
    alone = topics_of(every.filter(pl.col("month") < third), second)
    for name in AFTER_MODELS:
        assert_frame_equal(seen[name], alone[name])


def test_the_ladder_has_both_ends_and_no_more_topics_than_reviews_can_bear() -> None:
    assert ladder(5, 30, 10_000) == [5, 6, 8, 10, 12, 15, 20, 25, 30]
    assert ladder(7, 9, 10_000) == [7, 8, 9]
    assert ladder(5, 30, 260) == [5, 6, 8, 10]
    assert ladder(5, 30, 50) == [5]


def test_what_was_chosen_stays_while_nothing_is_clearly_better(plant: Any) -> None:
    """A way that changes every year would end every topic."""
    texts = [text.split() for text in plant(topics=6, months=2, each=110).reviews["text"]]
    words = pl.Series([[word for word in text if len(word) > 4] for text in texts])
    wanted = {"least_reviews": 200, "least_topics": 5, "most_topics": 6}
    found = search(words, wanted)
    [free] = [row for row in found if row["is_chosen"]]
    for near in found:
        if "stability" not in near or near["is_chosen"]:
            continue
        by = free["c_v"] * free["stability"] - near["c_v"] * near["stability"]
        way = models.Way(near["method"], near["counted"], near["has_phrases"], near["topics"])
        [kept] = [row for row in search(words, wanted, way) if row["is_chosen"]]
        stays = by <= models.CLOSE
        assert (kept["topics"], kept["method"], kept["counted"]) == tuple(
            (near if stays else free)[name] for name in ("topics", "method", "counted")
        )
        assert ("was chosen before" in kept["why"]) == stays
        break
    else:
        pytest.fail("no other finalist")


def test_a_search_is_due_after_a_year_or_with_half_as_many_reviews_again() -> None:
    before = pl.DataFrame({"searched_as_of": [date(2010, 1, 1)], "learned_reviews": [1_000]})
    assert not models._is_due(before, date(2010, 12, 1), 1_400, 12)
    assert models._is_due(before, date(2011, 1, 1), 1_000, 12)
    assert models._is_due(before, date(2010, 2, 1), 1_500, 12)


def test_too_few_reviews_are_named_with_what_is_needed() -> None:
    with pytest.raises(TooLittleText, match=r"^0 different reviews .* 200 are needed"):
        search(pl.Series([], dtype=pl.List(pl.String)), {"least_reviews": 200})
