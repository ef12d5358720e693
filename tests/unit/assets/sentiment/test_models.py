"""What ratings teach about words: learned from the past, used where it is worth it."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import skops.io
from polars.testing import assert_frame_equal
from sklearn.metrics import roc_auc_score

from assets.sentiment import models, reviews
from resources.models import packed

MONTHS = [date(2011, month, 1) for month in (3, 6, 9)]
SETTINGS = {"least_of_each": 50, "most_learned": 1000}
NUMBERS = {MONTHS[0]: 300, MONTHS[1]: 500, MONTHS[2]: 800}


def written(number: int, seed: int = 0, signal: float = 0.8) -> pl.DataFrame:
    """Reviews in which bad goods buzz and good ones ring, words that no lexicon knows."""
    rng = np.random.default_rng(seed)
    rows = []
    for place in range(1, number + 1):
        is_good = rng.random() < 0.7
        told = is_good if rng.random() < signal else not is_good
        words = rng.choice(["strap", "pick", "case", "stand", "cable", "it", "was", "for"], 8).tolist()
        words.insert(int(rng.integers(8)), "rings" if told else "buzzes")
        score = float(np.clip(rng.normal(0.3 if is_good else 0.0, 0.4), -1, 1).round(4))
        rows.append((place, 5 if is_good else 1, score, " ".join(words)))
    return pl.DataFrame(rows, ["place", "rating", "lexicon", "written"], orient="row")


def rows_of(
    texts: pl.DataFrame, numbers: Mapping[date, int] = NUMBERS, *, is_learned: bool = True
) -> pl.DataFrame:
    asked = pl.DataFrame(
        [
            {
                "as_of": month, "rated": number,
                "few_stars": texts.filter(pl.col("place") <= number, pl.col("rating") < 3).height,
                "is_learned": is_learned, **SETTINGS,
            }
            for month, number in numbers.items()
        ]
    )  # fmt: skip
    return pl.concat([asked, texts], how="diagonal")


def test_words_that_no_lexicon_knows_are_learned() -> None:
    found = models.compute(rows_of(written(800)), MONTHS)
    assert found["is_used"].to_list() == [True] * 3
    assert (found["auc"] > found["lexicon_auc"]).all()
    for words in found["words"]:
        weight = {row["word"]: row["weight"] for row in words}
        assert weight["rings"] > 1
        assert weight["buzzes"] < -1
        assert abs(weight["strap"]) < 1


def test_what_knows_no_more_than_the_lexicon_is_not_used() -> None:
    """Words that say nothing would add noise to what the lexicon knows."""
    found = models.compute(rows_of(written(800, signal=0.5)), MONTHS)
    assert not found["is_used"].any()
    assert set(found["verdict"]) == {"knows no more than the lexicon alone"}
    assert found["words"].null_count() == 3


def test_an_as_of_is_the_same_made_alone_and_whatever_comes_later() -> None:
    texts = written(800)
    whole = models.compute(rows_of(texts), MONTHS)
    for month, number in NUMBERS.items():
        alone = models.compute(
            rows_of(texts.filter(pl.col("place") <= number), {month: number}).sample(
                fraction=1, shuffle=True, seed=1
            ),
            [month],
        )
        assert_frame_equal(alone, whole.filter(pl.col("as_of") == month))


def test_the_newest_alone_are_learned_from() -> None:
    texts = written(1500)
    newest = texts.filter(pl.col("place") > 500)
    numbers = {MONTHS[0]: 1500}
    assert_frame_equal(
        models.compute(rows_of(texts, numbers), MONTHS).drop("few_stars"),
        models.compute(rows_of(newest, numbers), MONTHS).drop("few_stars"),
    )


@pytest.mark.parametrize(
    ("texts", "is_learned", "said"),
    [
        (written(0), False, "0 reviews of the rarer of 1-2 and 4-5 stars, 50 are needed"),
        (written(1), False, "0 reviews of the rarer"),
        (written(800), False, "as many ratings as before"),
        (written(800).with_columns(written=pl.lit("It is.")), True, "knows no more than the lexicon alone"),
        (written(800).with_columns(written=pl.lit("?!")), True, "have no word in common"),
        (
            written(800).with_columns(rating=pl.when(pl.col("place") < 500).then(5).otherwise(1)),
            True,
            "all of one kind",
        ),
    ],
)
def test_what_cannot_be_learned_from_says_so(texts: pl.DataFrame, is_learned: bool, said: str) -> None:
    """Identical reviews, one, none, or no word in any."""
    found = models.compute(rows_of(texts, {MONTHS[0]: texts.height}, is_learned=is_learned), [MONTHS[0]])
    [row] = found.to_dicts()
    assert said in row["verdict"]
    assert (row["is_used"], row["words"]) == (False, None)


def test_areas_and_their_errors_are_those_of_plain_loops() -> None:
    """DeLong, DeLong and Clarke-Pearson 1988: the kernel of every pair, and the variance of its means."""
    rng = np.random.default_rng(3)
    is_good = rng.random(60) < 0.6
    scores = [np.round(rng.normal(is_good * effect, 1), 1) for effect in (0.5, 1.5)]
    kernel = [
        np.array([[(g > b) + (g == b) / 2 for b in score[~is_good]] for g in score[is_good]])
        for score in scores
    ]
    difference = kernel[1] - kernel[0]
    of_good, of_bad = difference.mean(axis=1), difference.mean(axis=0)
    variance = of_good.var(ddof=1) / len(of_good) + of_bad.var(ddof=1) / len(of_bad)
    alone, both, sigmas = models.gain(is_good, *scores)
    assert alone == pytest.approx(roc_auc_score(is_good, scores[0]))
    assert both == pytest.approx(roc_auc_score(is_good, scores[1]))
    assert sigmas == pytest.approx((both - alone) / np.sqrt(variance))
    assert models.gain(is_good, scores[0], scores[0]) == (alone, alone, 0)


def test_the_stored_model_answers_as_the_table_does(tmp_path: Path) -> None:
    """Whoever loads it from the registry gets the words' part of the score, and nothing else is trusted."""
    made = models.compute(rows_of(written(800)), MONTHS)
    stored = models.models(rows_of(written(0)), made)
    assert list(stored) == MONTHS
    file = tmp_path / "model.skops"
    file.write_bytes(packed(MONTHS[2], stored[MONTHS[2]]).content)
    assert skops.io.get_untrusted_types(file=file) == []
    texts = ["it buzzes", "the strap rings, it was", "nothing known here", ""]
    row = made.row(2, named=True)
    log_odds = skops.io.load(file).decision_function(texts)
    table = pl.DataFrame({"written": texts, "lexicon": [0.5, 0.5, 0.5, 0.5]})
    expected = reviews.score(table, row["intercept"], row["lexicon_weight"], row["words"])
    assert np.allclose(np.tanh((log_odds + row["lexicon_weight"] * 0.5) / 2), expected, atol=1e-4)
