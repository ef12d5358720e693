"""Real baskets in which nothing belongs together any more."""

from datetime import date

import duckdb
import numpy as np
import polars as pl


def shuffled(baskets, items, rng, sweeps=40):
    """Baskets keep their sizes and items their counts, and nothing else: pairs of lines trade their items.

    A trade that would put an item into a basket twice is left out (Gionis et al. 2007).
    """
    items = items.copy()
    many = items.max() + 1
    for _ in range(sweeps):
        order = rng.permutation(len(items))
        one, other = order[: len(order) // 2], order[len(order) // 2 : len(order) // 2 * 2]
        there = np.sort(baskets * many + items)
        wanted = np.concatenate([baskets[one] * many + items[other], baskets[other] * many + items[one]])
        place = np.minimum(np.searchsorted(there, wanted), len(there) - 1)
        _, which, times = np.unique(wanted, return_inverse=True, return_counts=True)
        is_free = ((there[place] != wanted) & (times[which] == 1)).reshape(2, -1).all(axis=0)
        one, other = one[is_free], other[is_free]
        items[one], items[other] = items[other], items[one]
    return items


def test_of_a_shop_whose_lines_were_shuffled_hardly_anything_is_told(mined, shared_data):
    """Margins kept, big baskets hold everything: at 0.2 % support, plain lift and Fisher's test pass 13,166 pairs."""
    found = duckdb.execute(
        """
        SELECT DISTINCT InvoiceNo AS basket, CAST(date_trunc('month', InvoiceDate) AS DATE) AS month,
            upper(StockCode) AS item
        FROM read_parquet(?)
        WHERE InvoiceNo[1] NOT IN ('C', 'A') AND Quantity > 0 AND UnitPrice > 0 AND StockCode[1] BETWEEN '0' AND '9'
            AND InvoiceDate >= DATE '2011-10-01' AND InvoiceDate < DATE '2011-12-01'
        """,
        [str(shared_data("online_retail.parquet"))],
    )
    lines = pl.DataFrame(found.fetchall(), ["basket", "month", "item"], orient="row").sort("basket", "item")
    codes = [lines[name].rank("dense").to_numpy().astype(np.int64) for name in ("basket", "item")]
    dealt = shuffled(*codes, np.random.default_rng(1))
    assert (np.bincount(dealt) == np.bincount(codes[1])).all()
    lines = lines.with_columns(item=pl.Series(dealt))
    assert lines.select("basket", "item").is_duplicated().sum() == 0
    found = mined(lines, as_ofs=[date(2011, 11, 1)], support=0.005, least_customers=0)
    summary = found["summary"].filter(level="product").row(0, named=True)
    assert summary["candidate_pairs"] > 300_000
    assert summary["complements"] + summary["substitutes"] <= 0.01 * summary["candidate_pairs"]
    assert summary["rules"] == 0
    lift = found["itemsets"].filter(pl.col("length") == 2)
    assert lift.height > 50
