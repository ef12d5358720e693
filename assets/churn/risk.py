"""How likely a customer is not to buy within the next days, why that may be, and how good such answers were.

Learned from the past alone: at earlier cut-offs, whose window had ended by the reference day, customers are
seen as they were then, beside what they did next. A logistic regression and gradient boosting are compared
on the newest of these windows, each trained on windows that had ended before it began. Pure: frames in,
frames out, no clock. What a customer is worth is in `assets.value`.

Reasons are associations: what tells these customers from others, not what would keep them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import expit, logit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from assets.days import of_customers, reference_days, stacked
from assets.threads import pools_at_most
from assets.value.checks import Floats, TooLittleData
from warehouse.words import counted

Integers = npt.NDArray[np.integer[Any]]

HORIZON_DAYS = 90  # where nothing else is said
WITHIN_DAYS = 365
DIGITS = 6

_STEP_DAYS = 30  # between cut-offs: half of it adds rows and no AUC (0.001 on Online Retail)
# Cut-offs are every tenth day there is, whoever asks: of months, which are about as long as a step, one asks for
# much the same as the next, and what was learned for one serves the other.
_GRID_DAYS = 10
_HISTORY_DAYS = 60  # before the first cut-off
_CUT_OFFS = 24
_JUDGED = 3  # cut-offs on which the two models are compared
_LEARNERS = 20_000  # customers of a cut-off to learn from; more cost time and change the third digit
_LEAST_ROWS = 50
_ONE_SIDED = 1.645  # standard errors, 5 %
_LEAST_GAIN = 0.01  # of the log loss: of five shops where nobody leaves, one passed the errors alone
_SLOPES = (0.5, 1.5)  # a few windows of a small shop would say anything
_YEAR = 365.25

# What each column of the model is about; the columns of one matter speak together when reasons are given.
_MATTERS = {
    "log_recency": "days since the last order",
    "recency": "days since the last order",
    "log_frequency": "number of orders",
    "is_one_timer": "number of orders",
    "log_rate": "number of orders",
    "log_month": "orders of late",
    "log_quarter": "orders of late",
    "log_amount": "amount",
    "log_order_amount": "amount",
    "log_units": "units",
    "log_tenure": "days since the first order",
    "overdue": "silence against the own rhythm",
    "silence": "silence against the own rhythm",
    "irregularity": "silence against the own rhythm",
    "winter": "season",
    "spring": "season",
}
_PLAIN = ("log_recency", "log_frequency", "log_amount")
_SEASON = ("winter", "spring")
# All that matters where customers differ in how often they come, and nobody leaves.
_RATE = ("log_rate", "log_frequency", "is_one_timer", "log_tenure", *_SEASON)
_COLUMNS = {"plain": _PLAIN, "rate": _RATE, "logistic": tuple(_MATTERS), "boosting": tuple(_MATTERS)}

SHAPE = {
    "customer_id": pl.String,
    "probability": pl.Float64,
    "plain_probability": pl.Float64,
    "next_order_on": pl.Date,
    "is_overdue": pl.Boolean,
    "reason_1": pl.String,
    "reason_2": pl.String,
    "reason_3": pl.String,
    "effect_1": pl.Float64,
    "effect_2": pl.Float64,
    "effect_3": pl.Float64,
    "missing_reason": pl.String,
    "model": pl.String,
}
JUDGEMENT = {
    "customers_of": pl.String,
    "customers": pl.Int64,
    "lost_share": pl.Float64,
    "mean_probability": pl.Float64,
    "calibration": pl.Float64,
    "slope": pl.Float64,
    "auc": pl.Float64,
    "brier": pl.Float64,
    "decile_lift": pl.Float64,
    "plain_auc": pl.Float64,
    "auc_gain": pl.Float64,
    "auc_gain_low": pl.Float64,
    "auc_gain_high": pl.Float64,
}


@dataclass(frozen=True, slots=True)
class Risk:
    """The answers for one reference day, and how they were come by.

    Attributes:
        customers: One row a customer who bought within the last year, sorted by customer_id: customer_id,
            probability (of no order within the horizon), plain_probability (by recency, frequency and
            amount alone), next_order_on (the day its next order was or is expected), is_overdue, reason_1 to
            reason_3 (the strongest first) with effect_1 to effect_3 (log odds against the mean customer:
            above 0 it goes with staying away; null where `no_reasons`), missing_reason (why there is no probability; else null), model.
        model: logistic or boosting; None where nothing could be learned.
        cut_offs: Days from whose point of view it was learned, newest first.
        log_loss: Of logistic, boosting and rate (how often customers come, alone) on the windows held out;
            empty where none could be.
        slope: What the log odds were multiplied with, by the windows held out.
        no_reasons: Why no customer has reasons; None where they have.
    """

    customers: pl.DataFrame
    model: str | None
    cut_offs: tuple[date, ...]
    log_loss: dict[str, float]
    slope: float
    no_reasons: str | None


def compute(rows: pl.DataFrame, months: Sequence[date]) -> pl.DataFrame:
    """Make churn.risk: `Risk.customers` of each as_of.

    Args:
        rows: One row a customer and day with a sale (customer_id, day, units, amount), and one a day with a
            sale of anyone, without a customer; each with horizon_days.
        months: As_of months, in order.
    """
    if rows.is_empty():
        return stacked({}, SHAPE)
    references = reference_days(rows, months)
    history = History(of_customers(rows), int(rows["horizon_days"][0]))
    return stacked({month: history.risk(at).customers for month, at in references.items()}, SHAPE)


def features(days: pl.DataFrame, cut_off: date, *, within_days: int = WITHIN_DAYS) -> pl.DataFrame:
    """What was known of each customer on the morning of `cut_off`.

    Args:
        days: One row a customer and day with a sale: customer_id, day, units, amount. Others are left out of it.
        cut_off: Days from it on are not looked at.
        within_days: Customers whose last order is older are left out.

    Returns:
        One row a customer, sorted: customer_id, recency_days (since the last order), tenure_days (since the
        first), order_days, amount, units (of all), order_days_30 and order_days_90 (within so many days),
        gap_mean_days and gap_spread_days (mean and standard deviation of the gaps between order days; null
        below one gap, and two).
    """
    known = days if "gap_days" in days.columns else _with_gaps(days)
    ago = (pl.lit(cut_off) - pl.col("day")).dt.total_days()
    return (
        known.lazy()
        .filter(pl.col("day") < cut_off)
        .with_columns(ago=ago)
        .group_by("customer_id")
        .agg(
            recency_days=pl.col("ago").min(),
            tenure_days=pl.col("ago").max(),
            order_days=pl.len().cast(pl.Int64),
            amount=pl.col("amount").cast(pl.Float64).sum(),
            units=pl.col("units").cast(pl.Int64).sum(),
            order_days_30=(pl.col("ago") <= 30).sum().cast(pl.Int64),
            order_days_90=(pl.col("ago") <= 90).sum().cast(pl.Int64),
            gap_mean_days=pl.col("gap_days").mean(),
            gap_spread_days=pl.col("gap_days").std(),
        )
        .filter(pl.col("recency_days") <= within_days)
        .sort("customer_id")
        .collect()
    )


def is_lost(
    days: pl.DataFrame, customers: pl.DataFrame, cut_off: date, horizon_days: int = HORIZON_DAYS
) -> npt.NDArray[np.bool_]:
    """Whether each of `customers` has no order from `cut_off` on for so many days; the window must be whole."""
    is_ahead = (pl.col("day") >= cut_off) & (pl.col("day") < cut_off + timedelta(days=horizon_days))
    came = days.filter(is_ahead)["customer_id"].unique()
    return ~customers["customer_id"].is_in(came.implode()).to_numpy()


def risk(
    days: pl.DataFrame,
    reference: date,
    *,
    horizon_days: int = HORIZON_DAYS,
    within_days: int = WITHIN_DAYS,
    seed: int = 0,
) -> Risk:
    """Learn from the windows that have ended by `reference`, and answer for the one that begins with it.

    Args:
        days: One row a customer and day with a sale: customer_id, day, units, amount. Rows from `reference` on
            change nothing.
        reference: The first day of the future.
        horizon_days: How far it goes.
        within_days: Who bought within so many days is asked about.
        seed: Which customers are learned from where there are very many.

    Raises:
        ValueError: If a row before `reference` lacks something, or has units or an amount below 0.
    """
    known = days.filter(pl.col("day") < reference)
    return History(known, horizon_days, within_days=within_days, seed=seed).risk(reference)


class History:
    """The past of a shop's customers, with what was learned from it so far.

    A window is what its cut-off saw and what came after, a model what was learned from the windows up to one: both
    are the same for every reference day that may look at them, so each is made once.
    """

    def __init__(
        self, days: pl.DataFrame, horizon_days: int, *, within_days: int = WITHIN_DAYS, seed: int = 0
    ) -> None:
        """Keep the days; see `risk`, which is the same for a single reference day."""
        self._days = _with_gaps(days.select("customer_id", "day", "units", "amount"))
        self._horizon_days, self._within_days, self._seed = horizon_days, within_days, seed
        # In an order of chance that is each customer's own, whoever else there is.
        self._people = (
            self._days.group_by("customer_id")
            .agg(first_day=pl.col("day").min(), chance=pl.col("customer_id").first().hash(seed))
            .sort("chance", "customer_id")
        )
        self._windows: dict[date, _Window | None] = {}
        self._models: dict[tuple[str, date], _Model] = {}

    def risk(self, reference: date) -> Risk:
        """Answer for the window that begins with `reference`, of those that had ended by then (see `risk`)."""
        known = self._days.filter(pl.col("day") < reference)
        numbers = pl.col("units", "amount").cast(pl.Float64)
        is_sound = pl.all_horizontal(pl.col("customer_id").is_not_null(), numbers.is_finite(), numbers >= 0)
        wrong = known.filter(~is_sound.fill_null(value=False)).drop("gap_days")
        if wrong.height:
            raise ValueError(
                f"Every day of a customer must have units and amount, not below 0, and {wrong.height} have not, the "
                f"first being {wrong.row(0)}. Leave returns and guests out."
            )
        asked = features(known, reference, within_days=self._within_days)
        rhythm = _rhythm(asked, reference)
        try:
            past = self.past(reference)
        except TooLittleData as error:
            why = asked.select("customer_id").with_columns(missing_reason=pl.lit(str(error)))
            return Risk(_shaped(pl.concat([why, rhythm], how="horizontal")), None, (), {}, 1.0, str(error))
        verdict = self._compare(past)
        newest = past[0].cut_off
        model, slope = self._model(verdict.name, newest), verdict.slope
        plain = self._model("plain", newest)
        table = _matrix(asked, reference)
        log_odds, effects = model.explain(table)
        centre = log_odds.mean() if len(log_odds) else 0.0
        answers = asked.select("customer_id").with_columns(
            probability=pl.Series(expit(centre + slope * (log_odds - centre))),
            plain_probability=pl.Series(expit(plain.log_odds(plain.scaled(table)))),
            model=pl.lit(verdict.name),
        )
        parts = [answers, rhythm]
        if verdict.no_reasons is None:
            parts.append(_strongest(slope * effects, model.matters))
        return Risk(
            _shaped(pl.concat(parts, how="horizontal")),
            verdict.name,
            tuple(one.cut_off for one in past),
            verdict.log_loss,
            slope,
            verdict.no_reasons,
        )

    def past(self, reference: date) -> list["_Window"]:
        """What can be learned from, newest first.

        Raises:
            TooLittleData: If no window has passed, or there is nobody, or one outcome only, in it.
        """
        windows = self._ended(reference)
        if not windows:
            raise TooLittleData(
                f"the data must reach {_HISTORY_DAYS + self._horizon_days} days back to learn who stays away for "
                f"{self._horizon_days}"
            )
        lost, rows = sum(int(one.lost.sum()) for one in windows), sum(len(one.lost) for one in windows)
        if rows < _LEAST_ROWS:
            raise TooLittleData(f"{counted(rows, 'customer')} to learn from, and {_LEAST_ROWS} are needed")
        if lost in {0, rows}:
            raise TooLittleData(
                f"{'every' if lost else 'no'} customer stayed away so far: there is nothing to tell apart"
            )
        return windows

    def _ended(self, reference: date) -> list["_Window"]:
        """The newest windows with a customer that had ended by then, newest first."""
        first = self._days["day"].min()
        begin = (first if isinstance(first, date) else reference) + timedelta(days=_HISTORY_DAYS)
        newest = (reference - timedelta(days=self._horizon_days)).toordinal()
        cut_off = date.fromordinal(newest // _GRID_DAYS * _GRID_DAYS)
        found = []
        for _ in range(_CUT_OFFS):
            if cut_off < begin:
                break
            if cut_off not in self._windows:
                self._windows[cut_off] = self._look(cut_off)
            window = self._windows[cut_off]
            if window is not None:
                found.append(window)
            cut_off -= timedelta(days=_STEP_DAYS)
        return found

    def _look(self, cut_off: date) -> "_Window | None":
        days = self._days
        known = self._people.filter(pl.col("first_day") < cut_off)
        if known.height > _LEARNERS:
            days = days.filter(pl.col("customer_id").is_in(known["customer_id"].head(_LEARNERS).implode()))
        customers = features(days, cut_off, within_days=self._within_days)
        if customers.is_empty():
            return None
        lost = is_lost(days, customers, cut_off, self._horizon_days)
        return _Window(cut_off, _matrix(customers, cut_off), lost)

    def _model(self, name: str, newest: date) -> "_Model":
        """What is learned from the windows up to the one of cut-off `newest`."""
        if (name, newest) not in self._models:
            windows = self._ended(newest + timedelta(days=self._horizon_days))
            self._models[name, newest] = _Model.fit(name, windows, self._seed)
        return self._models[name, newest]

    def _compare(self, past: Sequence["_Window"]) -> "_Verdict":
        """Compare the models on the newest windows, each foretold by models of windows that had ended before it.

        Where there is none, it is logistic regression, the simpler one, as it is. Reasons are told if the better
        model beats, by more than chance and by a hundredth, a regression on how often and how long a customer has
        come, each with the slope and the levels of the windows that suit it best: if it does not, nothing shows
        that anybody leaves, only that some come less often than others. (Without the levels, boosting won by the
        season.)
        """
        foretold: dict[str, list[Floats]] = {"logistic": [], "boosting": [], "rate": []}
        outcomes: list[npt.NDArray[np.bool_]] = []
        for one in past[:_JUDGED]:
            ended = self._ended(one.cut_off)
            lost = np.concatenate([other.lost for other in ended]) if ended else np.zeros(0, dtype=np.bool_)
            if len(lost) < _LEAST_ROWS or lost.sum() in {0, len(lost)}:
                continue
            for name, found in foretold.items():
                model = self._model(name, ended[0].cut_off)
                found.append(model.log_odds(model.scaled(one.table)))
            outcomes.append(one.lost)
        return _judged(foretold, outcomes)


def evaluate(
    answers: pl.DataFrame,
    lost: npt.NDArray[np.bool_],
    order_days: npt.ArrayLike,
    *,
    draws: int = 200,
    seed: int = 0,
) -> pl.DataFrame:
    """Judge the probabilities by what came, for all, for repeaters and for one-timers.

    Args:
        answers: `Risk.customers`, with probabilities.
        lost: Whether each of them stayed away (`is_lost`).
        order_days: Of each of them, so far.
        draws: Resamples of the paired bootstrap.
        seed: Of the bootstrap.

    Returns:
        One row a group (all, repeaters, one-timers) with a customer: customers, lost_share, mean_probability,
        calibration (in the large: mean_probability - lost_share), slope (of the outcome on the log odds: 1 is
        right, below it too bold), auc, brier, decile_lift (share of lost among the tenth most at risk, by
        that of all), plain_auc, auc_gain (over the plain model) with auc_gain_low and auc_gain_high (95 %
        of resampled customers). Null where a group has one outcome only, or fewer than ten customers for
        the lift.
    """
    p, plain = (answers[name].to_numpy() for name in ("probability", "plain_probability"))
    orders = np.asarray(order_days)
    rows = []
    for name, some in {"all": orders > 0, "repeaters": orders > 1, "one-timers": orders == 1}.items():
        count = int(some.sum())
        if count == 0:
            continue
        y, q, other = lost[some], p[some], plain[some]
        row: dict[str, Any] = {
            "customers_of": name,
            "customers": count,
            "lost_share": y.mean(),
            "mean_probability": q.mean(),
            "calibration": q.mean() - y.mean(),
            "brier": ((q - y) ** 2).mean(),
        }
        if 0 < y.sum() < count:
            model_auc, other_auc = _Ranking.of(y, q), _Ranking.of(y, other)
            once = np.ones(count)
            auc, plain_auc = model_auc.auc(once), other_auc.auc(once)
            rng = np.random.default_rng(seed)
            gains = [
                model_auc.auc(times) - other_auc.auc(times)
                for times in (
                    np.bincount(rng.integers(0, count, count), minlength=count) for _ in range(draws)
                )
                if 0 < times[y].sum() < count
            ]
            low, high = np.quantile(gains, [0.025, 0.975]) if gains else (None, None)
            odds = logit(np.clip(q, 1e-6, 1 - 1e-6))
            row |= {"slope": _slope(y, odds), "auc": auc, "plain_auc": plain_auc, "auc_gain": auc - plain_auc}
            row |= {"auc_gain_low": low, "auc_gain_high": high}
            if count >= 10:
                top = np.argsort(-q, kind="stable")[: count // 10]
                row["decile_lift"] = y[top].mean() / y.mean()
        rows.append(row)
    return pl.DataFrame(rows, JUDGEMENT).with_columns(pl.col(pl.Float64).round(DIGITS))


def _with_gaps(days: pl.DataFrame) -> pl.DataFrame:
    """The days in order, each with the days since the customer's one before; null for the first."""
    gap = pl.col("day").diff().dt.total_days()
    return days.sort("customer_id", "day").with_columns(
        gap_days=pl.when(pl.col("customer_id") == pl.col("customer_id").shift()).then(gap)
    )


@dataclass(frozen=True, slots=True)
class _Window:
    """Customers as they were on a day (`_matrix`), and whether they stayed away after it."""

    cut_off: date
    table: Floats
    lost: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Model:
    """A fitted model: the columns it looks at, and what it makes of them."""

    columns: tuple[str, ...]
    mean: Floats
    scale: Floats
    fitted: Any

    @classmethod
    def fit(cls, name: str, windows: Sequence[_Window], seed: int) -> "_Model":
        days = (windows[0].cut_off - windows[-1].cut_off).days
        columns = _COLUMNS[name]
        # Of less than a year the time of the year says how the shop grew.
        if days < _YEAR - _STEP_DAYS:
            columns = tuple(column for column in columns if column not in _SEASON)
        table = np.concatenate([one.table for one in windows])[:, _places(columns)]
        lost = np.concatenate([one.lost for one in windows])
        mean, spread = table.mean(axis=0), table.std(axis=0)
        scale = np.where(spread > 1e-12, spread, 1.0)
        fitted: Any
        if name == "boosting":
            fitted = HistGradientBoostingClassifier(
                max_iter=50,
                learning_rate=0.1,
                max_leaf_nodes=8,
                max_bins=64,
                min_samples_leaf=100,
                l2_regularization=5.0,
                early_stopping=False,
                random_state=seed,
            )
        else:
            fitted = LogisticRegression(C=0.1, solver="newton-cholesky", max_iter=200)
        # On a busy machine OpenMP's threads wait for each other: 24 s where one thread takes 1 s.
        with pools_at_most(1):
            fitted.fit((table - mean) / scale, lost)
        return cls(columns, mean, scale, fitted)

    @property
    def matters(self) -> tuple[str, ...]:
        """What a reason can be; the season is the same for all who are asked about."""
        return tuple(dict.fromkeys(_MATTERS[name] for name in self.columns if name not in _SEASON))

    def scaled(self, table: Floats) -> Floats:
        """Its own columns of `_matrix`, as it learned them."""
        return np.asarray((table[:, _places(self.columns)] - self.mean) / self.scale)

    def log_odds(self, scaled: Floats) -> Floats:
        if len(scaled) == 0:
            return np.zeros(0)
        with pools_at_most(1):
            return np.asarray(self.fitted.decision_function(scaled), dtype=np.float64)

    def explain(self, table: Floats) -> tuple[Floats, Floats]:
        """Log odds of each customer of `_matrix`, and the part of each matter in it: customers x matters.

        Of the logistic regression the part is coefficient x (value - mean of those asked about). Of boosting
        it is what the log odds lose when the matter's columns are set to their mean, the others left as they
        are: the parts of one customer need not add up.
        """
        scaled = self.scaled(table)
        whole = self.log_odds(scaled)
        effects = np.zeros((len(scaled), len(self.matters)))
        if len(scaled) == 0:
            return whole, effects
        usual = scaled.mean(axis=0)
        for at, matter in enumerate(self.matters):
            theirs = [_MATTERS[name] == matter for name in self.columns]
            without = np.where(theirs, usual, scaled)
            effects[:, at] = whole - self.log_odds(without)
        return whole, effects


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What the windows held out say: the better model, the slope it needs, and whether it tells anything."""

    name: str
    slope: float
    log_loss: dict[str, float]
    no_reasons: str | None


def _judged(foretold: Mapping[str, Sequence[Floats]], outcomes: Sequence[npt.NDArray[np.bool_]]) -> _Verdict:
    """Choose by the log odds that each model gave for the customers of each window held out."""
    if not outcomes:
        return _Verdict("logistic", 1.0, {}, "no window could be held out to test reasons on")
    y = np.concatenate(outcomes)
    odds = {name: np.concatenate(found) for name, found in foretold.items()}
    losses = {name: np.logaddexp(0, np.where(y, -1, 1) * found) for name, found in odds.items()}
    log_loss = {name: float(loss.mean()) for name, loss in losses.items()}
    name = min(("logistic", "boosting"), key=lambda key: round(log_loss[key], DIGITS))
    # A level of each window's own, for the season moves levels and not how much the customers differ.
    window = np.repeat(np.arange(len(outcomes)), [len(one) for one in outcomes])
    slope = _slope(y, odds[name], window)
    gain = _loss_at_best(y, odds["rate"], window) - _loss_at_best(y, odds[name], window)
    error = gain.std() / np.sqrt(len(gain) / len(outcomes))  # it is much the same customers in each window
    is_told = gain.mean() > max(_ONE_SIDED * error, _LEAST_GAIN * log_loss["rate"])
    return _Verdict(
        name,
        1.0 if slope is None else float(np.clip(slope, *_SLOPES)),
        log_loss,
        None if is_told else "nothing but how often customers come tells them apart",
    )


def _places(columns: Sequence[str]) -> list[int]:
    """Where the columns stand in `_matrix`."""
    return [list(_MATTERS).index(name) for name in columns]


def _matrix(customers: pl.DataFrame, cut_off: date) -> Floats:
    """All that a model may look at: customers x _MATTERS."""
    gap = pl.col("gap_mean_days").fill_null(pl.col("tenure_days"))
    # Ten days and a fortieth of an order keep those of a day or two from passing for the most regular.
    rhythm = pl.col("recency_days") / (gap + 10)
    angle = 2 * np.pi * cut_off.timetuple().tm_yday / _YEAR
    made = {
        "log_recency": pl.col("recency_days").log1p(),
        "recency": pl.col("recency_days") / 90,
        "log_frequency": pl.col("order_days").log(),
        "is_one_timer": (pl.col("order_days") == 1),
        "log_rate": ((pl.col("order_days") - 0.3) / (pl.col("tenure_days") + 60)).log(),
        "log_month": pl.col("order_days_30").log1p(),
        "log_quarter": pl.col("order_days_90").log1p(),
        "log_amount": pl.col("amount").log1p(),
        "log_order_amount": (pl.col("amount") / pl.col("order_days")).log1p(),
        "log_units": pl.col("units").log1p(),
        "log_tenure": pl.col("tenure_days").log1p(),
        "overdue": rhythm.log1p(),
        "silence": (-rhythm).exp(),
        "irregularity": (pl.col("gap_spread_days") / (gap + 1)).fill_null(1.0),
        "winter": pl.lit(np.cos(angle)),
        "spring": pl.lit(np.sin(angle)),
    }
    return customers.select(made[name].cast(pl.Float64).alias(name) for name in _MATTERS).to_numpy()


def _rhythm(customers: pl.DataFrame, reference: date) -> pl.DataFrame:
    """When each customer's next order is expected, and whether it should have come.

    Orders are Poisson with rates that are Gamma across customers, of shape 2 and of the mean that all have:
    the rate of one with n gaps of G days together is Gamma(2 + n, 2 g + G), where g is all customers' days by
    all their repeat orders. The expected gap is (2 g + G) / (1 + n); overdue is who is silent for longer than
    nine of ten gaps are.
    """
    repeats = (pl.col("order_days") - 1).cast(pl.Float64)
    usual = customers["tenure_days"].sum() / max(int((customers["order_days"] - 1).sum()), 1)
    seen = 2 * usual + (pl.col("tenure_days") - pl.col("recency_days"))
    still = (2 + repeats) * (seen / (seen + pl.col("recency_days"))).log()
    gap = (seen / (1 + repeats)).clip(1, 3650).round().cast(pl.Int64)
    return customers.select(
        next_order_on=pl.lit(reference) + pl.duration(days=gap - pl.col("recency_days")),
        is_overdue=still < np.log(0.1),
    )


def _strongest(effects: Floats, matters: Sequence[str]) -> pl.DataFrame:
    order = np.argsort(-np.abs(effects.round(DIGITS)), axis=1, kind="stable")[:, :3]
    best = np.take_along_axis(effects, order, axis=1)
    names = np.array(matters, dtype=object)[order]
    return pl.DataFrame(
        {f"reason_{k + 1}": pl.Series(names[:, k].tolist(), dtype=pl.String) for k in range(3)}
        | {f"effect_{k + 1}": best[:, k] for k in range(3)}
    )


def _shaped(table: pl.DataFrame) -> pl.DataFrame:
    return table.select(
        (pl.col(name) if name in table.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in SHAPE.items()
    ).with_columns(pl.col(pl.Float64).round(DIGITS))


@dataclass(frozen=True, slots=True)
class _Ranking:
    """Customers in the order of their probability, so that a resample of them needs no sorting."""

    order: Integers
    starts: Integers  # of those with one probability
    lost: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, lost: npt.NDArray[np.bool_], probability: Floats) -> "_Ranking":
        order = np.argsort(probability, kind="stable")
        is_first = np.diff(probability[order], prepend=-np.inf) > 0
        return cls(order, np.flatnonzero(is_first), lost[order])

    def auc(self, times: npt.ArrayLike) -> float:
        """Probability that one who stayed away was ranked above one who came; ties count half.

        Args:
            times: How often each customer is there; both outcomes must be.
        """
        there = np.asarray(times, dtype=np.float64)[self.order]
        lost, came = (
            np.add.reduceat(np.where(outcome, there, 0.0), self.starts) for outcome in (self.lost, ~self.lost)
        )
        below = np.cumsum(came) - came / 2
        return float((lost * below).sum() / (lost.sum() * came.sum()))


def _slope(lost: npt.NDArray[np.bool_], log_odds: Floats, group: Integers | None = None) -> float | None:
    """Coefficient of the log odds in a logistic regression of the outcome on them (Cox 1958).

    Each group has a level of its own. None where the outcomes or the odds are all one.
    """
    if lost.all() or not lost.any() or np.ptp(log_odds) < 1e-9:
        return None
    fitted, _ = _levelled(lost, log_odds, np.zeros(len(lost), np.int64) if group is None else group)
    return float(fitted.coef_[0, 0])


def _loss_at_best(lost: npt.NDArray[np.bool_], log_odds: Floats, group: Integers) -> Floats:
    """Log loss of each outcome, with the slope and the groups' levels that suit best."""
    if lost.all() or not lost.any():
        return np.zeros(len(lost))
    fitted, table = _levelled(lost, log_odds, group)
    return np.asarray(np.logaddexp(0, np.where(lost, -1, 1) * fitted.decision_function(table)))


def _levelled(
    lost: npt.NDArray[np.bool_], log_odds: Floats, group: Integers
) -> tuple[LogisticRegression, Floats]:
    table = np.column_stack([log_odds, np.eye(int(group.max()) + 1)[group][:, 1:]])
    return LogisticRegression(C=1e6, solver="newton-cholesky", max_iter=200).fit(table, lost), table
