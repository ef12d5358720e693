"""The numbers of each cluster against all customers: what the clusters are like, and what else differs."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import chi2_contingency, f_oneway, false_discovery_control

from assets.days import stacked

Floats = npt.NDArray[np.float64]

# What the clusters are made from, and what follows from it: the amount is that of an order by their number, the
# mean gap the inverse of how often they come.
MAKERS = frozenset(
    {"orders_a_month", "order_value", "season_share", "frequency", "monetary", "gap_mean_days"}
)
FIGURES = (
    "orders_a_month",
    "order_value",
    "season_share",
    "frequency",
    "monetary",
    "gap_mean_days",
    "recency_days",
    "tenure_days",
    "products",
    "returned_share",
    "has_returned",
    "gap_variation",
    "weekend_share",
    "evening_share",
)
DIGITS = 4
LEAST_EXPECTED = 5  # in each cell of a chi-square test

SHAPE: dict[str, pl.DataType | type[pl.DataType]] = {
    "cluster_id": pl.String,
    "figure": pl.String,
    "customers": pl.Int64,
    "mean": pl.Float64,
    "median": pl.Float64,
    "mean_of_all": pl.Float64,
    "median_of_all": pl.Float64,
    "effect_size": pl.Float64,
    "explained_share": pl.Float64,
    "makes_clusters": pl.Boolean,
    "p_value": pl.Float64,
}


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make segments.cluster_profiles.

    Args:
        rows: One row an as_of and customer: as_of, customer_id, cluster_id, and the `FIGURES`.
        months: As_of months. One without clusters has no rows.
    """
    found = {}
    for month in months:
        table = rows.filter(pl.col("as_of") == month).sort("customer_id")
        if not table.is_empty():
            found[month] = profiles(table)
    return stacked(found, SHAPE)


def profiles(table: pl.DataFrame) -> pl.DataFrame:
    """Describe the clusters of one month.

    Args:
        table: One row a customer: cluster_id, and the `FIGURES` (null where not known).

    Returns:
        One row a cluster and figure, as in segments.cluster_profiles.
    """
    told: list[dict[str, Any]] = []
    chances: dict[str, float] = {}
    for figure in FIGURES:
        known = table.select("cluster_id", pl.col(figure).cast(pl.Float64)).drop_nulls()
        values = known[figure].to_numpy()
        of = known["cluster_id"].to_numpy()
        groups = {one: values[of == one] for one in sorted(table["cluster_id"].unique())}
        explained, chance = _between(figure, list(groups.values()))
        if chance is not None and figure not in MAKERS:
            chances[figure] = chance
        for cluster, some in groups.items():
            told.append(
                {
                    "cluster_id": cluster,
                    "figure": figure,
                    "customers": len(some),
                    "mean": some.mean() if len(some) else None,
                    "median": np.median(some) if len(some) else None,
                    "mean_of_all": values.mean() if len(values) else None,
                    "median_of_all": np.median(values) if len(values) else None,
                    "effect_size": _effect(some, values[of != cluster]),
                    "explained_share": explained,
                    "makes_clusters": figure in MAKERS,
                }
            )
    adjusted = false_discovery_control(list(chances.values())).tolist() if chances else []
    p = pl.DataFrame(
        {"figure": list(chances), "p_value": adjusted}, {"figure": pl.String, "p_value": pl.Float64}
    )
    shape = {name: kind for name, kind in SHAPE.items() if name != "p_value"}
    found = pl.DataFrame(told, shape).with_columns(pl.col(pl.Float64).round(DIGITS))
    return found.join(
        p.with_columns(pl.col("p_value").round(6)), on="figure", how="left", maintain_order="left"
    )


def _effect(some: Floats, others: Floats) -> float | None:
    """Difference of the means by the pooled standard deviation (Cohen 1988)."""
    if len(some) < 2 or len(others) < 2:
        return None
    freedom = len(some) + len(others) - 2
    within = np.sqrt((some.var(ddof=1) * (len(some) - 1) + others.var(ddof=1) * (len(others) - 1)) / freedom)
    return float((some.mean() - others.mean()) / within) if within > 1e-12 else None


def _between(figure: str, groups: Sequence[Floats]) -> tuple[float | None, float | None]:
    """Share of the variance between groups, and the chance of one so large if there were none."""
    groups = [some for some in groups if len(some) > 1]
    values = np.concatenate(groups) if groups else np.zeros(0)
    total = float(((values - values.mean()) ** 2).sum()) if len(values) else 0.0
    if len(groups) < 2 or total < 1e-12:
        return None, None
    between = sum(len(some) * (some.mean() - values.mean()) ** 2 for some in groups)
    share = float(min(between / total, 1.0))
    if figure == "has_returned":
        counts = np.array([[some.sum(), len(some) - some.sum()] for some in groups])
        test = chi2_contingency(counts, correction=False)
        return share, float(test.pvalue) if test.expected_freq.min() >= LEAST_EXPECTED else None
    if total - between < 1e-9 * total:
        return share, 0.0
    return share, float(f_oneway(*groups).pvalue)
