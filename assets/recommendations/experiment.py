"""The analysis of an A/B test of two recommenders, from a log of who was shown which.

Pure, and no table: nothing in landing/ tells what was shown to whom. A shop that logs its exposures gives
`analyse` two frames; whom to show what is decided by `assign`, before and without them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import stats

VARIANTS = ("control", "treatment")
HORIZON_DAYS = 14
# A sample ratio this unlikely is a fault of the test, not chance: it is asked of every test, every day.
LEAST_RATIO_P = 0.001
DIGITS = 6

_FNV_OFFSET = np.uint64(0xCBF29CE484222325)
_FNV_PRIME = np.uint64(0x100000001B3)

RESULT = {
    "metric": pl.String,
    "control": pl.Float64,
    "treatment": pl.Float64,
    "difference": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "p_value": pl.Float64,
    "detectable": pl.Float64,
}


@dataclass(frozen=True, slots=True)
class Experiment:
    """What a test came to.

    Attributes:
        metrics: One row for conversion (share of customers with an order) and one for amount (mean of a customer,
            0 for those without): metric, control, treatment (their means), difference (treatment less
            control) with its 95 % interval low to high and p_value (Welch 1947), detectable (the least
            difference that such a test finds four times in five). Null where an arm has one customer.
        customers: Of each variant.
        in_both: Customers who were shown both, and are left out: nothing tells which of them worked.
        ratio_p: How likely a split as uneven is by chance (chi-squared).
    """

    metrics: pl.DataFrame
    customers: dict[str, int]
    in_both: int
    ratio_p: float

    @property
    def is_ratio_sound(self) -> bool:
        """Whether the split is as planned; if not, the rest means nothing until the reason is found."""
        return self.ratio_p >= LEAST_RATIO_P


def assign(customers: pl.Series, *, salt: str, share: float = 0.5) -> pl.Series:
    """The variant of each customer: the same whenever asked, and independent of a test with another salt.

    Args:
        customers: Ids, as text.
        salt: Name of the test.
        share: Of the customers who get the treatment.

    Returns:
        control or treatment, by a salted hash (FNV-1a of 64 bits, mixed as in SplitMix64).

    Raises:
        ValueError: If share is not between 0 and 1, the salt is empty, or an id is missing.
    """
    if not 0 < share < 1:
        raise ValueError(
            f"share must lie between 0 and 1, and is {share}. Give the part that gets the treatment."
        )
    if not salt:
        raise ValueError("A test needs a salt of its own, or it has the customers of another; give its name.")
    if customers.null_count():
        raise ValueError(
            f"{customers.null_count()} customers have no id. Guests cannot be told apart; leave them out."
        )
    place = _hash(customers.cast(pl.String), salt) / 2.0**64
    return pl.Series("variant", np.where(place < share, *VARIANTS[::-1]), dtype=pl.String)


def analyse(
    exposures: pl.DataFrame,
    orders: pl.DataFrame,
    *,
    share: float = 0.5,
    horizon_days: int = HORIZON_DAYS,
) -> Experiment:
    """Compare what customers did after they were first shown a recommendation.

    Args:
        exposures: One row an exposure: customer_id, variant (control or treatment, as shown), shown_at.
        orders: One row an order: customer_id, ordered_at, amount. Only those within the horizon after the
            customer's first exposure count.
        share: Planned part of the customers who get the treatment.
        horizon_days: How long an exposure may work; exposures of fewer days before the end of the log should
            be left out.

    Raises:
        ValueError: If a variant has another name, or has no customers of its own.
    """
    strange = set(exposures["variant"].unique()) - set(VARIANTS)
    if strange:
        raise ValueError(
            f"variant must be one of {VARIANTS}, and {sorted(map(str, strange))} were found. Name them so."
        )
    seen = exposures.group_by("customer_id").agg(
        pl.col("variant").first(), variants=pl.col("variant").n_unique(), shown_at=pl.col("shown_at").min()
    )
    ours = seen.filter(pl.col("variants") == 1)
    counts = {name: ours.filter(pl.col("variant") == name).height for name in VARIANTS}
    if not all(counts.values()):
        raise ValueError(
            f"Each variant needs customers who saw no other, and there are {counts}. Log both variants."
        )
    is_within = (pl.col("ordered_at") >= pl.col("shown_at")) & (
        pl.col("ordered_at") < pl.col("shown_at") + pl.duration(days=horizon_days)
    )
    after = (
        orders.join(ours, on="customer_id")
        .filter(is_within)
        .group_by("customer_id")
        .agg(pl.col("amount").cast(pl.Float64).sum())
    )
    # In the order of ids: sums must not depend on that of the log.
    table = ours.join(after, on="customer_id", how="left").sort("customer_id")
    measures = {
        "conversion": table["amount"].is_not_null().cast(pl.Float64).to_numpy(),
        "amount": table["amount"].fill_null(0.0).to_numpy(),
    }
    is_treated = (table["variant"] == VARIANTS[1]).to_numpy()
    rows = [_compare(name, values[~is_treated], values[is_treated]) for name, values in measures.items()]
    planned = np.array([1 - share, share]) * table.height
    return Experiment(
        pl.DataFrame(rows, RESULT).with_columns(pl.col(pl.Float64).round(DIGITS)),
        counts,
        seen.height - ours.height,
        float(stats.chisquare([counts[name] for name in VARIANTS], planned).pvalue),
    )


def power(
    difference: float, spread: float, customers: int, *, share: float = 0.5, level: float = 0.05
) -> float:
    """How likely a test finds a difference that is there, on either side of 0.

    Args:
        difference: Of the means.
        spread: Standard deviation of a customer's measure; of a share p it is sqrt(p (1 - p)).
        customers: In both arms together.
        share: Of them in the treatment.
        level: At which a difference passes for found.
    """
    error = spread * np.sqrt(1 / (customers * share) + 1 / (customers * (1 - share)))
    bound = stats.norm.isf(level / 2)
    return float(stats.norm.sf(bound - difference / error) + stats.norm.cdf(-bound - difference / error))


def customers_needed(
    difference: float, spread: float, *, wanted: float = 0.8, share: float = 0.5, level: float = 0.05
) -> int:
    """Customers of both arms together for a test that finds the difference so often.

    Raises:
        ValueError: If there is no difference to find.
    """
    if difference == 0:
        raise ValueError(
            "No number of customers finds a difference of 0. Give the least one that would matter."
        )
    reach = stats.norm.isf(level / 2) + stats.norm.ppf(wanted)
    return int(np.ceil((reach * spread / difference) ** 2 * (1 / share + 1 / (1 - share))))


def _compare(
    name: str, control: npt.NDArray[np.float64], treatment: npt.NDArray[np.float64]
) -> dict[str, object]:
    row: dict[str, object] = {
        "metric": name,
        "control": control.mean(),
        "treatment": treatment.mean(),
        "difference": treatment.mean() - control.mean(),
    }
    if min(len(control), len(treatment)) < 2:
        return row
    parts = [arm.var(ddof=1) / len(arm) for arm in (control, treatment)]
    error = np.sqrt(sum(parts))
    if error == 0:  # nobody bought, or all did
        return row
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(arm) - 1) for part, arm in zip(parts, (control, treatment), strict=True)
    )
    reach = stats.t.isf(0.025, freedom) * error
    gain = treatment.mean() - control.mean()
    return row | {
        "low": gain - reach,
        "high": gain + reach,
        "p_value": 2 * stats.t.sf(abs(gain) / error, freedom),
        "detectable": (stats.norm.isf(0.025) + stats.norm.ppf(0.8)) * error,
    }


def _hash(ids: pl.Series, salt: str) -> npt.NDArray[np.uint64]:
    """Hash salt, a separator and each id, byte by byte for all ids at once."""
    texts = np.array([f"{salt}\x1f"], dtype=np.str_)
    encoded = np.char.encode(np.char.add(texts, ids.to_numpy().astype(np.str_)), "utf-8")
    width = encoded.dtype.itemsize
    octets = encoded.view(np.uint8).reshape(len(encoded), width).astype(np.uint64)
    lengths = np.char.str_len(encoded)
    value = np.full(len(encoded), _FNV_OFFSET)
    for at in range(width):
        value = np.where(at < lengths, (value ^ octets[:, at]) * _FNV_PRIME, value)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(value ^ (value >> np.uint64(31)))
