"""Reviews that look planted: copies against all pairs, and bursts."""

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.sentiment import reviewers

MONTHS = [date(2011, 1, 1), date(2011, 2, 1)]
WORDS = [f"word{at}" for at in range(400)]


def text(rng: np.random.Generator, length: int = 40) -> str:
    return " ".join(rng.choice(WORDS, length).tolist())


def mutated(rng: np.random.Generator, template: str, share: float) -> str:
    words = [str(rng.choice(WORDS)) if rng.random() < share else word for word in template.split()]
    return " ".join(words)


def usual(reviews: int = 300, seed: int = 1, *, has_time: bool = True) -> list[dict[str, Any]]:
    """Reviews of ten products over two months, each of its own words."""
    rng = np.random.default_rng(seed)
    rows = []
    for at in range(reviews):
        moment = datetime(2011, 1, 1) + timedelta(minutes=int(rng.integers(59 * 24 * 60)))
        moment = moment if has_time else datetime(moment.year, moment.month, moment.day)
        rows.append(
            {
                "month": date(2011, moment.month, 1), "review_id": f"R{at:04}", "product_id": f"P{at % 10}",
                "customer_id": f"C{at}", "rating": int(rng.choice([1, 2, 3, 4, 5], p=[0.05, 0.05, 0.1, 0.3, 0.5])),
                "reviewed_at": moment, "written": text(rng),
            }
        )  # fmt: skip
    return rows


def planted(
    number: int, start: datetime, minutes: int, seed: int = 2, **columns: Any
) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    rows = []
    for at in range(number):
        moment = start + timedelta(minutes=int(rng.integers(minutes)))
        rows.append(
            {
                "month": date(2011, moment.month, 1), "review_id": f"X{at:04}", "product_id": "P1",
                "customer_id": f"X{at}", "rating": 1, "reviewed_at": moment, "written": text(rng), **columns,
            }
        )  # fmt: skip
    return rows


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema_overrides={"customer_id": pl.String, "rating": pl.Int8}, orient="row")


def found(rows: list[dict[str, Any]], months: list[date] = MONTHS) -> dict[str, str]:
    table = reviewers.compute(frame(rows), months)
    return dict(table.select("review_id", "reason").iter_rows())


def test_nothing_is_found_where_nothing_is_planted() -> None:
    for seed in range(5):
        assert found(usual(seed=seed)) == {}
        assert found(usual(seed=seed, has_time=False)) == {}


def test_copies_are_those_of_all_pairs() -> None:
    """What is banded must find what a comparison of every pair finds."""
    rng = np.random.default_rng(7)
    templates = [text(rng) for _ in range(5)]
    texts = [text(rng) for _ in range(60)]
    texts += [mutated(rng, template, 0.04) for template in templates for _ in range(8)]
    group, similarity = reviewers.copies(pl.Series(texts))
    runs = [{tuple(one.split()[at : at + 3]) for at in range(len(one.split()) - 2)} for one in texts]
    alike = [[len(a & b) / len(a | b) for b in runs] for a in runs]
    for one in range(len(texts)):
        for other in range(one):
            if alike[one][other] >= 0.6:
                assert group[one] == group[other]
            if group[one] == group[other] and one >= 60:
                assert (one - 60) // 8 == (other - 60) // 8
        most = max(alike[one][:one] + alike[one][one + 1 :])
        assert similarity[one] <= most + 1e-12
    assert len(set(group[:60])) == 60
    assert (similarity[:60] == 0).all()
    assert (similarity[60:] > 0.35).all()


def test_copies_by_several_people_are_found_however_they_are_spread() -> None:
    rng = np.random.default_rng(3)
    template = text(rng)
    copied = planted(8, datetime(2011, 1, 20), 60 * 24 * 20)
    for row in copied:
        row["written"] = mutated(rng, template, 0.03)
    told = reviewers.compute(frame(usual() + copied), MONTHS)
    later = {row["review_id"] for row in copied if row["month"] == MONTHS[1]}
    assert set(told.filter(month=MONTHS[1])["review_id"]) == later
    assert set(told["reason"]) == {"copies"}
    assert told["campaign"].n_unique() <= 2
    assert found(usual() + [{**row, "customer_id": "one"} for row in copied]) == {}


def test_short_texts_are_no_copies() -> None:
    """Many people write 'works great' of their own."""
    assert found(usual() + planted(9, datetime(2011, 1, 3), 40_000, written="Works great, thank you!")) == {}


@pytest.mark.parametrize("rating", [1, 5])
def test_a_burst_of_other_ratings_is_found(rating: int) -> None:
    burst = planted(20, datetime(2011, 2, 10, 14, 40), 55, rating=rating)
    assert found(usual() + burst) == {row["review_id"]: "burst" for row in burst}
    [first] = reviewers.compute(frame(usual() + burst), MONTHS)["campaign"].unique()
    assert first == min((row["reviewed_at"], row["review_id"]) for row in burst)[1]


def test_a_burst_of_usual_ratings_is_none() -> None:
    """A newsletter brings many reviews at once, too."""
    burst = planted(20, datetime(2011, 2, 10, 14, 40), 55)
    for row, rating in zip(burst, [5, 5, 4, 5, 3, 4, 5, 4, 1, 5] * 2, strict=True):
        row["rating"] = rating
    assert found(usual() + burst) == {}


def test_a_burst_over_midnight_of_a_months_end_is_found_from_the_later_month() -> None:
    burst = planted(20, datetime(2011, 1, 31, 23, 30), 55)
    later = {row["review_id"]: "burst" for row in burst if row["month"] == MONTHS[1]}
    assert 4 < len(later) < 16
    assert found(usual() + burst, MONTHS[1:]) == later


def test_where_the_source_knows_days_alone_the_hour_is_a_day() -> None:
    burst = planted(20, datetime(2011, 2, 10), 1)
    rows = usual(has_time=False)
    on_the_day = {
        row["review_id"]
        for row in rows
        if (row["product_id"], row["reviewed_at"]) == ("P1", datetime(2011, 2, 10))
    }
    assert set(found(rows + burst)) == {row["review_id"] for row in burst} | on_the_day


def test_a_month_is_the_same_made_alone_or_with_others_in_any_order() -> None:
    rows = frame(
        usual()
        + planted(20, datetime(2011, 2, 10, 14), 55)
        + planted(9, datetime(2011, 1, 9), 50, seed=8, review_id=None)
    )
    rows = rows.with_columns(pl.coalesce("review_id", pl.format("Y{}", pl.int_range(pl.len()))))
    whole = reviewers.compute(rows, MONTHS)
    assert set(whole["month"]) == set(MONTHS)
    for month in MONTHS:
        alone = reviewers.compute(rows.sample(fraction=1, shuffle=True, seed=6), [month])
        assert_frame_equal(alone, whole.filter(pl.col("month") == month))


@pytest.mark.parametrize(
    "rows",
    [
        [],
        usual(1),
        usual(2),
        planted(1, datetime(2011, 1, 1), 1, written="", customer_id=None),
        planted(50, datetime(2011, 1, 1), 9999, written="", customer_id=None),
        planted(50, datetime(2011, 1, 1), 9999, written="\U0001f621 !!"),
    ],
)
def test_few_or_empty_reviews_are_no_campaign(rows: list[dict[str, Any]]) -> None:
    if not rows:
        assert reviewers.compute(frame(usual(1)).clear(), MONTHS).height == 0
    else:
        assert found(rows) == {}


def test_identical_reviews_throughout_are_copies_and_cost_no_square() -> None:
    """All pairs of three thousand equal texts would be nine million."""
    rows = planted(3000, datetime(2011, 1, 1), 40_000, written=text(np.random.default_rng(1), 60))
    told = reviewers.compute(frame(rows), MONTHS[:1])
    assert told.height == sum(row["month"] == MONTHS[0] for row in rows)
    assert set(told["copies"]) == {told.height}
    assert set(told["similarity"]) == {1}
