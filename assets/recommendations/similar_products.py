"""Goods that the same customers buy."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl
from scipy.sparse import csr_matrix

from assets.days import stacked
from assets.recommendations.blend import in_blocks, top
from assets.recommendations.candidates import weights
from assets.recommendations.history import History, Integers, history, references

COUNT = 20
LEAST_CUSTOMERS = 3  # who bought both: two of them are chance
DIGITS = 6

SHAPE = {
    "product_id": pl.String,
    "rank": pl.Int32,
    "similar_product_id": pl.String,
    "measure": pl.String,
    "similarity": pl.Float64,
    "cosine": pl.Float64,
    "customers": pl.Int64,
}


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make recommendations.similar_products, by BM25.

    Args:
        rows: As `history` takes them.
        months: As_of months, in order.
    """
    found = references(rows, months)
    return stacked(
        {month: similar(history(rows, month, found[month])) for month in months if month in found}, SHAPE
    )


def similar(known: History, measure: str = "bm25", count: int = COUNT) -> pl.DataFrame:
    """The goods most like each one.

    Args:
        known: Who bought what.
        measure: One of `candidates.MEASURES`, by which they are ranked; ties by id.
        count: At most so many of each.

    Returns:
        One row a good and rank: see `SHAPE`. Pairs with fewer than LEAST_CUSTOMERS customers of both are none.
    """
    goods = len(known.goods)
    if not known.orders.nnz:
        return pl.DataFrame(schema=SHAPE)
    both = csr_matrix(known.orders, dtype=np.int32, copy=True)
    both.data[:] = 1
    # Goods by customers, too: to take columns of customers by goods would sort all of them anew for every block.
    by_measure = [
        (csr_matrix(each.T), each)
        for each in (both, weights(known.orders, measure), weights(known.orders, "cosine"))
    ]
    lower_ids_first = np.arange(goods)[::-1]

    def nearest(some: Integers) -> pl.DataFrame:
        number, alike, angle = (
            np.asarray((of_goods[some] @ of_customers).toarray()) for of_goods, of_customers in by_measure
        )
        number[np.arange(len(some)), some] = 0
        others, similarity = top(alike, count, number >= LEAST_CUSTOMERS, lower_ids_first)
        row, column = np.nonzero(others >= 0)
        other = others[row, column]
        return pl.DataFrame(
            {
                "good": some[row],
                "rank": column + 1,
                "other": other,
                "similarity": similarity[row, column],
                "cosine": angle[row, other],
                "customers": number[row, other],
            }
        )

    table = pl.concat(in_blocks(goods, goods, nearest))
    return table.select(
        product_id=known.goods.gather(table["good"]),
        rank=pl.col("rank").cast(pl.Int32),
        similar_product_id=known.goods.gather(table["other"]),
        measure=pl.lit(measure),
        similarity="similarity",
        cosine=pl.col("cosine").clip(0, 1).round(DIGITS),
        customers=pl.col("customers").cast(pl.Int64),
    )
