"""The map: what is of one topic lies together, in two dimensions and in three."""

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sklearn.neighbors import NearestNeighbors

from assets.topics.map import LEAST_REVIEWS, compute

MONTH = date(2010, 1, 1)
FLAT, DEEP = ["x_2d", "y_2d"], ["x_3d", "y_3d", "z_3d"]


@pytest.fixture(scope="module")
def rows(plant: Any) -> pl.DataFrame:
    """Reviews of four topics as the query gives them."""
    return plant(topics=4, months=1, each=240, jump_in=None).reviews.select(
        "month", "review_id", pl.col("rating").cast(pl.Int8),
        as_of=pl.lit(MONTH),
        lot=pl.col("review_id").hash(1).cast(pl.String),
        mapped_reviews=pl.lit(200, pl.Int64),
        topic_id=pl.col("topic").cast(pl.String),
        score=pl.lit(None, pl.Float64),
        words=pl.col("text").str.split(" ").list.filter(pl.element().str.len_chars() > 4),
    )  # fmt: skip


@pytest.fixture(scope="module")
def found(rows: pl.DataFrame) -> pl.DataFrame:
    return compute(rows, [MONTH])


def test_the_sample_is_the_first_of_the_draw_and_has_what_colours_it(
    rows: pl.DataFrame, found: pl.DataFrame
) -> None:
    drawn = rows.sort("lot").head(200).select("review_id", "topic_id", "rating", "score")
    assert_frame_equal(found.select(drawn.columns), drawn, check_row_order=False)
    assert found.select(pl.col(FLAT + DEEP).is_finite().all()).row(0) == (True,) * 5


@pytest.mark.parametrize("axes", [FLAT, DEEP])
def test_reviews_of_one_topic_lie_together(found: pl.DataFrame, axes: list[str]) -> None:
    """Of the five nearest nine in ten are of the same topic; by chance a quarter would be."""
    topics = found["topic_id"].to_numpy()
    at = found.select(axes).to_numpy()
    near = NearestNeighbors(n_neighbors=6).fit(at).kneighbors(at, return_distance=False)[:, 1:]
    assert (topics[near] == topics[:, None]).mean() >= 0.9
    assert np.all(at.std(axis=0) > 0.1), "it uses all of its dimensions"


def test_the_order_of_rows_moves_no_point(rows: pl.DataFrame, found: pl.DataFrame) -> None:
    assert_frame_equal(compute(rows.sample(fraction=1, shuffle=True, seed=1), [MONTH]), found)


@pytest.mark.parametrize("kind", ["few", "no word is shared", "all alike"])
def test_where_there_is_nothing_to_see_there_is_no_map(rows: pl.DataFrame, kind: str) -> None:
    given = {
        "few": rows.head(LEAST_REVIEWS - 1),
        "no word is shared": rows.with_columns(words=pl.concat_list(pl.col("review_id"))),
        "all alike": rows.with_columns(words=pl.lit(pl.Series([["strap", "lock"]])).first()),
    }[kind]
    assert compute(given, [MONTH]).is_empty()
