"""What tells each cluster from the others: the SHAP values of a forest that was taught to tell them apart."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl
from sklearn.ensemble import RandomForestClassifier

from assets.days import stacked

FIGURES = (
    "orders_a_month",
    "order_value",
    "season_share",
    "recency_days",
    "tenure_days",
    "products",
    "returned_share",
    "gap_variation",
)
LEARNED = 1_500
EXPLAINED = 300
DIGITS = 4

SHAPE: dict[str, pl.DataType | type[pl.DataType]] = {
    "cluster_id": pl.String,
    "figure": pl.String,
    "importance": pl.Float64,
    "rank": pl.Int64,
    "accuracy": pl.Float64,
}


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make segments.cluster_drivers.

    Args:
        rows: One row an as_of with segments and customer: as_of, customer_id, lot (in whose order customers are
            taken), cluster_id, and the `FIGURES`.
        months: As_of months. One without segments has no rows.
    """
    found = {}
    for month in months:
        table = rows.filter(pl.col("as_of") == month).sort("lot", "customer_id")
        if table["cluster_id"].n_unique() > 1:
            found[month] = drivers(table)
    return stacked(found, SHAPE)


def drivers(table: pl.DataFrame) -> pl.DataFrame:
    """Explain the clusters of one month.

    The forest is taught the first `LEARNED` customers, and the first `EXPLAINED` are explained.

    Args:
        table: One row a customer: cluster_id, and the `FIGURES` (null where not known).

    Returns:
        One row a cluster and figure, as in segments.cluster_drivers.
    """
    import shap  # three seconds, and most months need none

    some = table.head(LEARNED)
    # Not known stands beside the smallest: trees can part the two.
    x = some.select(pl.col(name).cast(pl.Float64).fill_null(-1.0) for name in FIGURES).to_numpy()
    labels = some["cluster_id"].to_numpy()
    forest = RandomForestClassifier(30, max_depth=6, min_samples_leaf=5, random_state=0, n_jobs=1)
    forest.fit(x, labels)
    values = np.abs(shap.TreeExplainer(forest).shap_values(x[:EXPLAINED], check_additivity=False))
    importance = values.mean(axis=0)  # figures x clusters
    told = pl.DataFrame(
        {
            "cluster_id": np.repeat(forest.classes_, len(FIGURES)).tolist(),
            "figure": list(FIGURES) * len(forest.classes_),
            "importance": importance.T.ravel(),
            "accuracy": [float((forest.predict(x) == labels).mean())] * importance.size,
        }
    ).with_columns(pl.col(pl.Float64).round(DIGITS))
    rank = pl.col("importance").rank("ordinal", descending=True).over("cluster_id")
    return told.with_columns(rank=rank.cast(pl.Int64))
