"""Who will not come back soon: features, learning from the past alone, reasons and judgement."""

import math
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score

from assets.churn import risk
from simulator import PRESETS, oracles

REFERENCE = date(2024, 1, 1)
SCHEMA = {"customer_id": pl.String, "day": pl.Date, "units": pl.Int64, "amount": pl.Float64}
order_days = st.lists(
    st.tuples(
        st.integers(1, 5).map(str),
        st.dates(date(2022, 10, 1), date(2024, 3, 31)),
        st.integers(0, 50),
        st.floats(0, 99).map(lambda amount: round(amount, 2)),
    ),
    max_size=40,
    unique_by=lambda row: row[:2],
)


def table(*rows):
    return pl.DataFrame(rows, SCHEMA, orient="row")


def shop(customers=300, months=12, seed=1, leave=0.15):
    """Order days of customers with rates of their own who leave one day; new ones come all the time."""
    rng = np.random.default_rng(seed)
    rate, begins = rng.gamma(2, 1 / 80, customers), rng.uniform(0, months * 30, customers)
    rows = []
    for k in range(customers):
        day = begins[k]
        while day < months * 30 + 120:
            on = REFERENCE - timedelta(days=months * 30) + timedelta(days=int(day))
            rows.append((f"{k:04}", on, int(rng.integers(1, 9)), round(float(rng.gamma(2, 20)), 2)))
            if rng.random() < leave:
                break
            day += 1 + rng.exponential(1 / rate[k])
    return pl.DataFrame(rows, SCHEMA, orient="row").unique(["customer_id", "day"], maintain_order=True)


@pytest.fixture(scope="module")
def days():
    return shop(1_200, 12)


@pytest.fixture(scope="module")
def answer(days):
    return risk.risk(days, REFERENCE)


@given(order_days, st.dates(date(2023, 1, 1), date(2024, 1, 1)))
def test_features_and_labels_agree_with_plain_loops(rows, cut_off):
    expected = {}
    for customer in sorted({row[0] for row in rows}):
        own = sorted(row[1:] for row in rows if row[0] == customer)
        past = [row for row in own if row[0] < cut_off]
        if not past or (cut_off - past[-1][0]).days > 365:
            continue
        ago = [(cut_off - row[0]).days for row in past]
        gaps = [before - after for before, after in pairwise(ago)]
        mean = sum(gaps) / len(gaps) if gaps else None
        spread = (
            math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / (len(gaps) - 1)) if len(gaps) > 1 else None
        )
        came = any(cut_off <= row[0] < cut_off + timedelta(days=90) for row in own)
        expected[customer] = (
            [
                ago[-1],
                ago[0],
                len(past),
                sum(ago_one <= 30 for ago_one in ago),
                sum(one <= 90 for one in ago),
            ],
            [sum(row[1] for row in past), sum(row[2] for row in past), mean, spread],
            not came,
        )
    known = table(*rows)
    found = risk.features(known, cut_off)
    lost = risk.is_lost(known, found, cut_off)
    assert found["customer_id"].to_list() == list(expected)
    for row, gone in zip(found.iter_rows(named=True), lost, strict=True):
        whole, real, is_lost = expected[row["customer_id"]]
        names = ("recency_days", "tenure_days", "order_days", "order_days_30", "order_days_90")
        assert [row[name] for name in names] == whole
        assert [
            row[name] for name in ("units", "amount", "gap_mean_days", "gap_spread_days")
        ] == pytest.approx(real)
        assert gone == is_lost


def test_nothing_from_the_reference_day_on_is_seen(days, answer):
    """A leak makes every figure of the past look better than the future will be."""
    assert risk.risk(days.filter(pl.col("day") < REFERENCE), REFERENCE).customers.equals(answer.customers)
    assert max(answer.cut_offs) + timedelta(days=90) <= REFERENCE


@pytest.mark.parametrize("learners", [20_000, 150])
def test_what_was_learned_for_one_day_changes_nothing_for_another(days, monkeypatch, learners):
    """Whoever is learned from where there are very many: a backfill must leave the rows of monthly runs."""
    monkeypatch.setattr(risk, "_LEARNERS", learners)
    history = risk.History(days, 90)
    for back in (61, 30, 0):
        at = REFERENCE - timedelta(days=back)
        shared = history.risk(at)
        alone = risk.risk(days.sample(fraction=1, shuffle=True, seed=back), at)
        assert shared.customers.equals(alone.customers)
        assert (shared.cut_offs, shared.log_loss) == (alone.cut_offs, alone.log_loss)


def test_models_are_compared_on_windows_that_begin_after_those_learned_from(days, monkeypatch):
    seen = []
    fit = risk._Model.fit.__func__

    def watched(cls, name, windows, seed):
        seen.append((name, [one.cut_off for one in windows]))
        return fit(cls, name, windows, seed)

    monkeypatch.setattr(risk._Model, "fit", classmethod(watched))
    found = risk.risk(days, REFERENCE)
    compared = seen[:-2]
    assert [name for name, _ in compared] == ["logistic", "boosting", "rate"] * 3
    for k, (_, learned) in enumerate(compared):
        assert max(learned) + timedelta(days=90) <= found.cut_offs[k // 3]


def test_the_order_of_rows_changes_nothing(days, answer):
    again = risk.risk(days.sample(fraction=1, shuffle=True, seed=3), REFERENCE)
    assert again.customers.equals(answer.customers)
    assert again.log_loss == pytest.approx(answer.log_loss)


def test_probabilities_tell_who_stays_away(days, answer):
    asked = risk.features(days, REFERENCE)
    judged = risk.evaluate(answer.customers, risk.is_lost(days, asked, REFERENCE), asked["order_days"])
    everyone = judged.row(0, named=True)
    assert everyone["auc"] > 0.65
    assert abs(everyone["calibration"]) < 0.08
    assert 0.6 < everyone["slope"] < 1.6
    assert everyone["decile_lift"] > 1.2
    assert judged["customers"][0] == judged["customers"][1:].sum()


def test_effects_of_logistic_regression_add_up_to_its_log_odds(days):
    past = risk.History(days, 90).past(REFERENCE)
    model = risk._Model.fit("logistic", past, 0)
    log_odds, effects = model.explain(risk._matrix(risk.features(days, REFERENCE), REFERENCE))
    assert effects.sum(axis=1) == pytest.approx(log_odds - log_odds.mean())


def test_effects_of_boosting_are_those_of_setting_a_matter_to_its_mean(days):
    past = risk.History(days, 90).past(REFERENCE)
    model = risk._Model.fit("boosting", past, 0)
    asked = risk._matrix(risk.features(days, REFERENCE), REFERENCE)
    _, effects = model.explain(asked)
    rows = model.scaled(asked)
    for customer in range(5):
        for at, matter in enumerate(model.matters):
            changed = rows[customer].copy()
            for column, name in enumerate(model.columns):
                if risk._MATTERS[name] == matter:
                    changed[column] = rows[:, column].mean()
            both = model.log_odds(np.array([rows[customer], changed]))
            assert effects[customer, at] == pytest.approx(both[0] - both[1])


def test_reasons_are_the_three_strongest_and_differ(answer):
    found = answer.customers
    assert answer.no_reasons is None
    assert (found["effect_1"].abs() >= found["effect_2"].abs()).all()
    assert (found["effect_2"].abs() >= found["effect_3"].abs()).all()
    reasons = found.select("reason_1", "reason_2", "reason_3")
    assert all(len(set(row)) == 3 for row in reasons.iter_rows())
    assert "season" not in set(reasons["reason_1"])


def test_who_is_silent_for_longer_than_ever_is_overdue():
    """Weekly orders until 200 days ago, and weekly orders until a week ago."""
    weeks = [REFERENCE - timedelta(days=7 * k) for k in range(1, 60)]
    rows = [("gone", day, 1, 5.0) for day in weeks if (REFERENCE - day).days > 200]
    rows += [("here", day, 1, 5.0) for day in weeks]
    found = risk.risk(table(*rows), REFERENCE).customers
    overdue = dict(found.select("customer_id", "is_overdue").iter_rows())
    assert overdue == {"gone": True, "here": False}
    expected = dict(found.select("customer_id", "next_order_on").iter_rows())
    assert expected["gone"] < REFERENCE <= expected["here"] < REFERENCE + timedelta(days=14)


def test_the_next_order_is_expected_when_it_comes_on_average():
    """Gaps of customers drawn from the law that is assumed: Gamma rates of shape 2, Poisson orders."""
    rng = np.random.default_rng(5)
    rate = rng.gamma(2, 1 / 60, 4000)
    gaps = rng.exponential(1 / rate[:, None], (4000, 200))
    at = np.cumsum(gaps, axis=1)
    last = (at <= 400).sum(axis=1)
    keep = last >= 1
    recency = 400 - np.take_along_axis(at, np.maximum(last - 1, 0)[:, None], axis=1)[:, 0]
    tenure = 400 - at[:, 0]
    customers = pl.DataFrame(
        {"recency_days": recency[keep], "tenure_days": tenure[keep], "order_days": last[keep]}
    ).filter(pl.col("tenure_days") > 0)
    found = risk._rhythm(customers, REFERENCE)
    # Nobody has left, so hardly more than a tenth are overdue; the latest gap is the longest of those seen.
    assert 0.01 < found["is_overdue"].mean() < 0.15


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([("a", date(2023, 12, 1), 1, 5.0)], "the data must reach 150 days back"),
        (
            [("a", date(2023, 1, 1), 1, 5.0), ("a", date(2023, 12, 1), 1, 5.0)],
            "customers to learn from, and 50",
        ),
        ([(f"{k}", date(2023, 3, 1), 1, 5.0) for k in range(60)], "every customer stayed away"),
        (
            [
                (f"{k}", date(2023, 6, 1) + timedelta(days=30 * m), 1, 5.0)
                for k in range(60)
                for m in range(7)
            ],
            "no customer stayed away",
        ),
    ],
)
def test_too_little_history_is_said_in_every_row(rows, reason):
    found = risk.risk(table(*rows), REFERENCE)
    assert found.model is None
    assert reason in found.no_reasons
    assert found.customers.height == len({row[0] for row in rows})
    assert found.customers["probability"].null_count() == found.customers.height
    assert found.customers["missing_reason"].str.contains(reason).all()
    assert found.customers["next_order_on"].null_count() == 0


def test_without_customers_there_are_no_rows(answer):
    found = risk.risk(table(), REFERENCE)
    assert found.customers.is_empty()
    assert found.customers.schema == answer.customers.schema
    nobody = risk.risk(table(("a", date(2021, 1, 1), 1, 1.0)), REFERENCE)
    assert nobody.customers.is_empty()
    assert risk.evaluate(found.customers, np.zeros(0, bool), []).is_empty()


def test_nobody_asked_about_after_a_year_of_silence(days):
    found = risk.risk(days, REFERENCE + timedelta(days=600))
    assert found.customers.is_empty()


def test_customers_all_alike_have_a_probability():
    rows = [
        (f"{k}", date(2022, 6, 1) + timedelta(days=60 * m + (100 if k % 2 and m > 4 else 0)), 1, 0.0)
        for k in range(200)
        for m in range(10)
    ]
    found = risk.risk(table(*rows), REFERENCE)
    assert found.model is not None
    numbers = found.customers.select("probability", "plain_probability")
    assert numbers.null_count().sum_horizontal().item() == 0
    assert not numbers.select(pl.all().is_nan().any()).row(0).count(True)


@pytest.mark.parametrize("amount", [-1.0, None, math.nan])
def test_an_amount_that_cannot_be_is_refused(amount):
    with pytest.raises(ValueError, match="must have units and amount, not below 0, and 1 have not"):
        risk.risk(table(("a", date(2023, 1, 1), 1, amount)), REFERENCE)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 9), st.integers(1, 3)), min_size=2, max_size=40))
def test_judgement_agrees_with_scikit_learn(rows):
    lost = np.array([row[0] for row in rows])
    p = np.array([row[1] / 10 for row in rows])
    orders = np.array([row[2] for row in rows])
    answers = pl.DataFrame({"probability": p, "plain_probability": p[::-1].copy()})
    found = {
        row["customers_of"]: row
        for row in risk.evaluate(answers, lost, orders, draws=5).iter_rows(named=True)
    }
    for name, some in {"all": orders > 0, "repeaters": orders > 1, "one-timers": orders == 1}.items():
        if not some.any():
            assert name not in found
            continue
        row, y, q = found[name], lost[some], p[some]
        assert row["customers"] == some.sum()
        assert row["brier"] == pytest.approx(((q - y) ** 2).mean(), abs=1e-6)
        assert row["calibration"] == pytest.approx(q.mean() - y.mean(), abs=1e-6)
        if y.all() or not y.any():
            assert row["auc"] is None
        else:
            assert row["auc"] == pytest.approx(roc_auc_score(y, q), abs=1e-6)
            assert row["auc_gain"] == pytest.approx(row["auc"] - row["plain_auc"], abs=2e-6)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 5), st.integers(0, 3)), min_size=1, max_size=30).filter(
        lambda rows: len({row[0] for row in rows if row[2]}) == 2
    )
)
def test_a_resample_has_the_auc_of_its_rows_written_out(rows):
    lost, p, times = (np.array(column) for column in zip(*rows, strict=True))
    found = risk._Ranking.of(lost, p / 5).auc(times)
    assert found == pytest.approx(roc_auc_score(np.repeat(lost, times), np.repeat(p, times)))


def test_probabilities_that_are_right_have_slope_one_and_bold_ones_half():
    rng = np.random.default_rng(7)
    odds = rng.normal(0, 1.5, 20_000)
    lost = rng.random(20_000) < 1 / (1 + np.exp(-odds))
    for factor in (1, 2):
        p = 1 / (1 + np.exp(-factor * odds))
        answers = pl.DataFrame({"probability": p, "plain_probability": np.roll(p, 1)})
        row = risk.evaluate(answers, lost, np.ones(20_000), draws=20).row(0, named=True)
        assert row["slope"] == pytest.approx(1 / factor, rel=0.05)
        assert row["auc_gain_low"] > 0.2
        assert row["brier"] == pytest.approx(brier_score_loss(lost, p), abs=1e-6)


def _order_days(invoices):
    return invoices.group_by("customer_id", pl.col("at").dt.date().alias("day")).agg(
        pl.col("units", "amount").sum()
    )


def test_a_shop_of_the_bgnbd_model_is_judged_nearly_as_well_as_its_oracle_does(order_days_of_shop):
    days = _order_days(order_days_of_shop("bgnbd", customers=4000, months=27))
    best = oracles.buy_till_you_die(
        days.filter(pl.col("day") < REFERENCE).rename({"day": "ordered_on"}),
        parameters=PRESETS["bgnbd"],
        as_of=REFERENCE,
    )
    assert _behind(days, best) < 0.035


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_default_shop_is_judged_nearly_as_well_as_its_oracle_does(order_days_of_shop, simulated, seed):
    days = _order_days(order_days_of_shop("default", seed=seed))
    demand = {file.stem: file for file in simulated("default", seed=seed).truth}["demand"]
    weights = pl.read_parquet(demand).group_by("month").agg(pl.col("weight").sum() / 8)
    best = oracles.customers(
        days.filter(pl.col("day") < REFERENCE).rename({"day": "ordered_on"}),
        parameters=PRESETS["default"],
        first_day=date(2022, 1, 1),
        as_of=REFERENCE,
        weights=weights.filter(pl.col("month") < REFERENCE),
    )
    assert _behind(days, best) < 0.035


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))])
def test_where_nobody_leaves_no_reason_is_claimed(order_days_of_shop, seed):
    """The preset `null`: customers come more or less often, and that is all there is."""
    days = _order_days(order_days_of_shop("null", seed=seed, customers=2000, months=24))
    found = risk.risk(days, REFERENCE)
    assert found.no_reasons == "nothing but how often customers come tells them apart"
    assert found.customers.select(pl.col("^(reason|effect)_.$").is_null().all()).row(0) == (True,) * 6
    assert found.customers["probability"].null_count() == 0


def _behind(days, best):
    """By how much the AUC lies below that of the oracle."""
    found = risk.risk(days, REFERENCE).customers
    asked = risk.features(days, REFERENCE)
    lost = risk.is_lost(days, asked, REFERENCE)
    oracle = asked.join(best, on="customer_id", how="left", maintain_order="left")["no_order_probability"]
    return roc_auc_score(lost, oracle) - roc_auc_score(lost, found["probability"])
