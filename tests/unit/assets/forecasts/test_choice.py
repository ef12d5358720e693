"""Which model is used, how wholes and parts agree, and how sure the result is."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from assets.forecasts import choice
from assets.forecasts.origins import FLOOR, PANEL, Node, Seen, pools_of

NODES = (
    Node("amount", "total", "All", None),
    Node("amount", "country", "EIRE", 0),
    Node("amount", "country", "France", 0),
    Node("amount", "category", "Mugs", 0),
    Node("amount", "product", "M1", 3),
    Node("amount", "product", "Rest of Mugs", 3, is_rest=True),
    Node("amount", "category", "Bags", 0),
    Node("amount", "product", "B1", 6),
    Node("orders", "total", "All", None),
    Node("orders", "country", "EIRE", 8),
    Node("orders", "country", "France", 8),
)
TRUST = np.array([{"total": 0.3, "category": 0.55}.get(node.level, 1.0) for node in NODES])
PARTS = ((0, (1, 2)), (0, (3, 6)), (3, (4, 5)), (6, (7,)), (8, (9, 10)))


def origin(month, errors, came=10.0, nodes=NODES, steps=3):
    """An origin of which the model at place k errs by errors[k] at every step of every series."""
    size = (len(nodes), steps)
    means = np.stack([np.full(size, came + error) for error in errors])
    known = [date(2020 + (month + k) // 12, (month + k) % 12 + 1, 1) for k in range(steps)]
    return Seen(
        as_of=date(2020 + (month - 1) // 12, (month - 1) % 12 + 1, 1),
        grain="month",
        nodes=nodes,
        pools=pools_of(nodes),
        ahead=tuple(known),
        means=means,
        sigma=np.ones(size),
        scale=np.ones(len(nodes)),
        came=np.full(size, came),
        known_by=tuple(known),
        reasons=(None,) * len(nodes),
        failed=np.zeros((len(PANEL), len(nodes)), dtype=bool),
    )


def errors_of(**small):
    """Errors by model, 5 unless told; the regression on the year does not speak unless told, alone or with the median."""
    small = {"harmonic_regression": np.nan, "regression_and_median": np.nan, **small}
    return [small.get(name.replace(" ", "_"), 5.0) for name in PANEL]


numbers = st.lists(st.floats(0, 1e6), min_size=len(NODES), max_size=len(NODES))


@given(numbers, st.lists(st.floats(0, 1e5), min_size=len(NODES), max_size=len(NODES)))
def test_parts_add_up_to_wholes_to_the_last_digit_and_none_is_below_0(mean, sigma):
    found = choice.reconciled(NODES, np.array([mean, mean]).T, np.array([sigma, sigma]).T)
    units = np.rint(found * 10_000).astype(np.int64)
    assert found == pytest.approx(units / 10_000, abs=0)
    assert (units >= 0).all()
    for whole, parts in PARTS:
        assert (units[whole] == units[list(parts)].sum(axis=0)).all()


def test_means_that_agree_stay_and_others_move_as_little_as_they_can():
    agreed = np.array([[10.0, 4, 6, 7, 5, 2, 3, 3, 9, 4, 5]]).T
    assert choice.reconciled(NODES, agreed, np.ones_like(agreed)) == pytest.approx(agreed, abs=1e-3)
    mean = np.array([100.0, 30, 60, 50, 30, 25, 40, 42, 9, 4, 5])
    sigma = np.array([5.0, 2, 6, 4, 3, 2, 4, 4, 1, 1, 1])
    found = choice.reconciled(NODES, mean[:, None], sigma[:, None])[:, 0]

    def cost(free):  # M1, rest, B1, and EIRE: all others follow
        m1, rest, b1, eire = free
        total = m1 + rest + b1
        whole = np.array([total, eire, total - eire, m1 + rest, m1, rest, b1, b1, *mean[8:]])
        return (((whole - mean) / sigma) ** 2 / TRUST).sum()

    best = minimize(
        cost, [30, 25, 42, 30], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 9999}
    )
    assert found[[4, 5, 7, 1]] == pytest.approx(best.x, rel=1e-3)


def test_the_model_that_erred_least_is_used_and_only_by_what_had_come():
    past = {(one.as_of, "month"): one for one in (
        origin(1, errors_of(Theta=1.0, seasonal_naive=2.0)),
        origin(2, errors_of(Theta=1.0, seasonal_naive=2.0)),
        origin(5, errors_of(ETS=0.0, Theta=9.0)),
    )}  # fmt: skip
    at = past[date(2020, 5, 1), "month"]
    assert {PANEL[place] for place in choice.champions(past, at)} == {"Theta"}
    later = {(date(2020, 5, 1), "month"): at, (date(2020, 9, 1), "month"): origin(9, errors_of())}
    assert {PANEL[place] for place in choice.champions(later, later[date(2020, 9, 1), "month"])} == {"ETS"}


def test_a_model_that_does_not_beat_seasonal_naive_is_never_used():
    past = {
        (one.as_of, "month"): one
        for one in (origin(1, errors_of(seasonal_naive=1.0, ETS=1.0)), origin(5, errors_of()))
    }
    assert {PANEL[place] for place in choice.champions(past, past[date(2020, 5, 1), "month"])} == {FLOOR}


def test_the_regression_on_the_year_is_used_once_it_was_seen_to_err_least_where_it_spoke():
    """Origins at which it had no year to learn from say nothing against it; and nothing speaks for it before it is judged."""

    def judged(harmonic, naive=5.0):
        origins = [
            origin(1, errors_of(ETS=0.5, harmonic_regression=np.nan)),
            origin(4, errors_of(ETS=1.0, harmonic_regression=harmonic, seasonal_naive=naive)),
            origin(8, errors_of(harmonic_regression=0.0)),
        ]
        past = {(one.as_of, "month"): one for one in origins}
        return [
            {PANEL[place] for place in choice.champions(past, one)}
            for one in (past[date(2020, 4, 1), "month"], past[date(2020, 8, 1), "month"])
        ]

    assert judged(0.9) == [{"ETS"}, {"harmonic regression"}]
    assert judged(1.0) == [{"ETS"}, {"ETS"}]
    assert judged(1.1) == [{"ETS"}, {"ETS"}]
    # It errs less than what is best over all origins, and no less than seasonal naive at those at which it spoke.
    assert judged(0.9, naive=0.9) == [{"ETS"}, {"ETS"}]


def test_the_regression_on_the_year_is_not_used_where_nothing_was_judged_yet():
    past = {(one.as_of, "month"): one for one in (origin(1, errors_of(harmonic_regression=0.0)),)}
    assert {PANEL[place] for place in choice.champions(past, past[date(2020, 1, 1), "month"])} == {"median"}


def test_the_regression_and_the_median_together_are_used_unless_another_erred_less_by_a_fifth():
    """Where they did not speak yet they are what the median was; who erred a little less on a few origins was lucky."""

    def chosen(**errors):
        origins = [
            origin(1, errors_of(median=2.0, **errors)),
            origin(8, errors_of(harmonic_regression=1.0, regression_and_median=1.0)),
        ]
        past = {(one.as_of, "month"): one for one in origins}
        return {PANEL[place] for place in choice.champions(past, origins[1])}

    together = {"regression and median"}
    assert chosen(ETS=1.7) == chosen(ETS=5.0) == together
    assert chosen(ETS=1.6) == {"ETS"}
    # The median did not beat seasonal naive, so neither do they.
    assert chosen(seasonal_naive=1.9) == {FLOOR}
    # Preferred as they are, they keep out nobody who did.
    assert chosen(seasonal_naive=1.9, ETS=1.8) == {"ETS"}
    assert chosen(seasonal_naive=2.1) == together


def test_the_regression_and_the_median_together_are_judged_by_what_they_said_once_they_spoke():
    origins = [
        origin(1, errors_of(median=1.0, ETS=1.5, regression_and_median=3.0, harmonic_regression=5.0)),
        origin(8, errors_of(harmonic_regression=1.0, regression_and_median=1.0)),
    ]
    past = {(one.as_of, "month"): one for one in origins}
    assert {PANEL[place] for place in choice.champions(past, origins[1])} == {"median"}


def test_before_anything_has_come_the_median_is_used():
    past = {(one.as_of, "month"): one for one in (origin(1, errors_of()), origin(2, errors_of()))}
    first = past[date(2020, 1, 1), "month"]
    assert {PANEL[place] for place in choice.champions(past, first)} == {"median"}


def test_a_few_lucky_forecasts_do_not_outweigh_those_of_all_similar_series():
    """One origin of one series says little: of thousands of products some model is right by chance."""
    nodes = tuple(Node("amount", "product", f"P{k}", None) for k in range(40))
    one = origin(1, errors_of(ETS=1.0, seasonal_naive=3.0), nodes=nodes)
    one.means[PANEL.index("naive"), 0] = one.came[0] + 0.5
    past = {(each.as_of, "month"): each for each in (one, origin(5, errors_of(), nodes=nodes))}
    found = [PANEL[place] for place in choice.champions(past, past[date(2020, 5, 1), "month"])]
    assert set(found) == {"ETS"}


@given(st.lists(st.floats(0, 100), min_size=0, max_size=120))
def test_an_interval_holds_the_share_of_errors_it_was_measured_on_or_is_the_models_own(errors):
    for level, least in ((80, 9), (95, 39)):
        found = choice.width(np.array([*errors, np.nan])[:, None], level)
        assert found.errors == len(errors)
        assert found.is_measured == (len(errors) >= least)
        if found.is_measured:
            held = sum(error <= found.times for error in errors)
            assert held >= min(level / 100 * (len(errors) + 1), len(errors)) - 1e-9
        else:
            assert found.times == pytest.approx({80: 1.2816, 95: 1.96}[level], abs=1e-3)


def test_errors_that_had_not_come_are_not_seen():
    one = origin(1, errors_of())
    found = choice.ratios(one, one.means[0], date(2020, 3, 1))
    assert np.isfinite(found[:, :2]).all()
    assert np.isnan(found[:, 2]).all()
    assert choice.before(date(2020, 3, 1), 5) == date(2019, 10, 1)


def test_steps_of_which_nothing_was_expected_and_nothing_came_do_not_narrow_the_others():
    """Most days of a small country: with them its intervals held seven in ten of the days on which it bought."""
    draw = np.random.default_rng(3)
    nodes = tuple(Node("orders", "country", f"{at}", None) for at in range(400))
    one = origin(1, errors_of(), nodes=nodes)
    sells = draw.random((400, 3)) < 0.4
    mean = np.where(sells, 5.0, 0.0)
    came = np.where(sells, np.maximum(mean + draw.normal(size=mean.shape), 0.0), 0.0)
    by = date(2020, 4, 1)
    found = choice.ratios(replace(one, came=came), mean, by)
    assert np.isnan(found[~sells]).all()
    assert choice.width(found, 80).times == pytest.approx(1.2816, abs=0.15)
    # What was not foretold and came is told.
    surprise = replace(one, came=np.where(sells, came, 2.0))
    assert np.isfinite(choice.ratios(surprise, mean, by)).all()


def test_days_of_few_forecasts_do_not_make_an_interval_narrower_than_the_models_own():
    """Of one series ninety days of three origins err together: a total's intervals held 64 % where 80 % is promised."""
    for forecasts, expected in ((8, 1.2816), (9, 0.5)):
        found = choice.width(np.full((forecasts, 62), 0.5), 80)
        assert found.times == pytest.approx(expected, abs=1e-3)
        assert found.is_measured == (forecasts == 9), "what was not measured must not look so"
    assert choice.width(np.full((3, 62), 2.0), 80) == choice.Width(2.0, 186, is_measured=True)
    # What had not come yet is no forecast that has told.
    holes = np.vstack([np.full((8, 62), 0.5), np.full((4, 62), np.nan)])
    assert choice.width(holes, 80).times == pytest.approx(1.2816, abs=1e-3)
