"""Rules against plain loops, and what each of their marks is for."""

from collections import Counter
from datetime import date, timedelta
from itertools import combinations
from math import ceil, sqrt

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy import stats

MONTHS = [date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)]


def drawn(rng, baskets, months=MONTHS, customers=40, items="abcdefgh"):
    """Baskets of chance but for a with b, and c without d; one row an item."""
    rows = []
    for at in range(baskets):
        basket = {item for item in items if rng.random() < 0.25}
        if "a" in basket and rng.random() < 0.6:
            basket.add("b")
        if "c" in basket and rng.random() < 0.9:
            basket.discard("d")
        month = months[int(rng.integers(len(months)))]
        moment = np.datetime64(month) + np.timedelta64(int(rng.integers(28 * 24)), "h")
        customer = f"{rng.integers(customers)}" if rng.random() < 0.8 else None
        rows += [
            (at, item, month, moment.astype("datetime64[us]").item(), customer) for item in sorted(basket)
        ]
    return pl.DataFrame(rows, ["basket", "item", "month", "at", "customer"], orient="row")


def naive(lines, as_of, window, later, support):
    """Every pair of frequent items: what a reader of the definition would count, without its rate."""

    def number(month):
        return month.year * 12 + month.month

    baskets = {}
    for basket, item, month, at, customer in lines.iter_rows():
        if 0 <= number(as_of) - number(month) < window:
            baskets.setdefault(basket, (month, at, customer, set()))[3].add(item)
    least = ceil(round(support * len(baskets), 9))
    often = Counter(item for *_, basket in baskets.values() for item in basket)
    cells = {}
    for month, _, _, basket in baskets.values():
        cells.setdefault((month, ceil(sqrt(len(basket) / 3))), []).append(basket)
    dependence = {}
    for cell, inside in cells.items():
        n, counts = len(inside), Counter(item for basket in inside for item in basket)
        met = sum(len(basket) * (len(basket) - 1) / 2 for basket in inside)
        by_chance = sum(counts[a] * counts[b] / n for a, b in combinations(counts, 2))
        spreads = sum(
            counts[a] * (1 - counts[a] / n) * counts[b] * (1 - counts[b] / n) / n
            for a, b in combinations(counts, 2)
        )
        dependence[cell] = max(-1, min(1, (met - by_chance) / spreads)) if spreads > 1e-6 else 0
    found = {}
    for one, other in combinations(sorted(item for item, count in often.items() if count >= least), 2):
        expected = variance = later_expected = 0.0
        for (month, stratum), inside in cells.items():
            n, a, b = len(inside), *(sum(item in basket for basket in inside) for item in (one, other))
            spreads = a * (1 - a / n) * b * (1 - b / n)
            here = (a * b + dependence[month, stratum] * spreads) / n
            expected += here
            later_expected += here if number(as_of) - number(month) < later else 0
            variance += spreads / (n - 1) if n > 1 else 0
        both = [row for row in baskets.values() if {one, other} <= row[3]]
        count = len(both)
        if expected < 20:
            tail = (
                stats.poisson.sf(count - 1, expected)
                if count > expected
                else stats.poisson.cdf(count, expected)
            )
        else:
            tail = stats.norm.sf((abs(count - expected) - 0.5) / sqrt(variance))
        firsts = [
            tuple(
                min(
                    (at for _, at, who, basket in baskets.values() if who == customer and item in basket),
                    default=None,
                )
                for item in (one, other)
            )
            for customer in {row[2] for row in baskets.values()} - {None}
        ]
        firsts = [first for first in firsts if None not in first]
        found[one, other] = {
            "baskets": len(baskets),
            "antecedent_count": often[one],
            "consequent_count": often[other],
            "count": count,
            "customers": len({row[2] for row in both} - {None}),
            "expected_count": expected,
            "p_value": min(1, 2 * tail),
            "later_count": sum(number(as_of) - number(row[0]) < later for row in both),
            "later_expected_count": later_expected,
            "antecedent_first_customers": sum(a < b for a, b in firsts),
            "consequent_first_customers": sum(b < a for a, b in firsts),
        }
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pairs_agree_with_plain_loops(mined, seed):
    lines = drawn(np.random.default_rng(seed), 300)
    settings = {"support": 0.05, "window_months": 2, "later_months": 1, "false_discovery_rate": 0.5}
    rules = mined(lines, **settings, least_customers=0)["rules"].filter(level="product")
    told_of = []
    for as_of in MONTHS:
        pairs = naive(lines, as_of, 2, 1, 0.05)
        names, p = list(pairs), np.array([row["p_value"] for row in pairs.values()])
        rates = dict(zip(names, stats.false_discovery_control(p), strict=True))
        expected = {
            name: row
            for name, row in pairs.items()
            if rates[name] <= 0.5 and not 1 / 1.2 < row["count"] / row["expected_count"] <= 1
        }
        singles = rules.filter(pl.col("as_of") == as_of, pl.col("antecedent").list.len() == 1)
        assert singles.height == 2 * len(expected)
        told_of.append(singles.height)
        for row in singles.iter_rows(named=True):
            one, other = row["antecedent"][0], row["consequent"]
            told = dict(expected[min(one, other), max(one, other)])
            if one > other:
                for name in ("{}_count", "{}_first_customers"):
                    a, b = name.format("antecedent"), name.format("consequent")
                    told[a], told[b] = told[b], told[a]
            if as_of == MONTHS[0]:
                told["later_count"] = told["later_expected_count"] = None
            for name, value in told.items():
                assert row[name] == (None if value is None else pytest.approx(value, rel=1e-5)), (row, name)
            assert row["q_value"] == pytest.approx(rates[min(one, other), max(one, other)], rel=1e-5)
            n, a, b, count = (
                row[name] for name in ("baskets", "antecedent_count", "consequent_count", "count")
            )
            assert row["support"] == pytest.approx(count / n, rel=1e-5)
            assert row["confidence"] == pytest.approx(count / a, rel=1e-5)
            assert row["lift"] == pytest.approx(count * n / (a * b), rel=1e-5)
            assert row["leverage"] == pytest.approx(count / n - a * b / n**2, rel=1e-4, abs=1e-9)
            assert row["adjusted_lift"] == pytest.approx(count / row["expected_count"], rel=1e-5)
            is_rule = count >= 0.05 * n and count / a >= 0.3 and row["adjusted_lift"] >= 1.2
            assert row["is_rule"] == is_rule
            if row["association"] == "complement" and row["later_adjusted_lift"] is not None:
                assert row["is_held"] == (row["later_adjusted_lift"] >= 1.2)
    assert sum(told_of) > 0


def test_what_belongs_together_is_a_complement_and_what_does_not_a_substitute(mined):
    found = mined(drawn(np.random.default_rng(5), 3000), as_ofs=[MONTHS[-1]], later_months=1)
    rules, summary = found["rules"].filter(level="product"), found["summary"]
    told = {(row["antecedent"][0], row["consequent"]): row for row in rules.iter_rows(named=True)}
    assert {pair: row["association"] for pair, row in told.items()} == {
        ("a", "b"): "complement",
        ("b", "a"): "complement",
        ("c", "d"): "substitute",
        ("d", "c"): "substitute",
    }
    assert told["a", "b"]["strength_rank"] is not None
    assert told["a", "b"]["is_held"]
    assert told["c", "d"]["strength_rank"] is None
    assert told["c", "d"]["adjusted_lift"] < 0.3
    whole = summary.filter(level="product").row(0, named=True)
    assert whole["frequent_items"] == 8
    assert whole["candidate_pairs"] == 28
    assert (whole["complements"], whole["substitutes"], whole["rules"], whole["reason"]) == (2, 2, 2, None)


def test_a_customer_who_repeats_an_order_is_no_rule(mined):
    """One buyer of the same two things every day would else be the strongest rule of the shop."""
    rng = np.random.default_rng(6)
    lines = drawn(rng, 800, months=MONTHS[:1])
    daily = pl.DataFrame(
        [(f"x{at}", item, MONTHS[0], None, "same") for at in range(200) for item in "yz"],
        lines.schema | {"basket": pl.String},
        orient="row",
    ).with_columns(at=pl.col("month").cast(pl.Datetime("us")))
    both = pl.concat([lines.cast({"basket": pl.String}), daily])
    assert (
        mined(both)["rules"]
        .filter(pl.col("consequent").is_in(["y", "z"]), association="complement")
        .is_empty()
    )
    loose = mined(both, least_customers=1)["rules"]
    assert loose.filter(pl.col("consequent") == "z", association="complement")["customers"].to_list() == [1]


def of_three(rng, baskets, chance_of_c):
    """Baskets of a and b, each in every third, with c by a chance that their presence decides, and fillers."""
    rows = []
    for at in range(baskets):
        a, b = rng.random(2) < 1 / 3
        basket = [
            name for name, there in (("a", a), ("b", b), ("c", rng.random() < chance_of_c(a, b))) if there
        ]
        basket += [f"f{k}" for k in np.flatnonzero(rng.random(6) < 0.3)]
        rows += [(at, item) for item in basket]
    return pl.DataFrame(rows, ["basket", "item"], orient="row")


def test_a_rule_of_two_is_told_only_where_each_of_them_adds_to_it(mined):
    rng = np.random.default_rng(7)
    both = mined(of_three(rng, 4000, lambda a, b: 0.8 if a and b else 0.2))["rules"].filter(level="product")
    longer = both.filter(pl.col("antecedent").list.len() == 2, pl.col("consequent") == "c")
    row = longer.row(0, named=True)
    assert longer["antecedent"].to_list() == [["a", "b"]]
    shorter = both.filter(pl.col("antecedent").list.len() == 1, pl.col("consequent") == "c")
    assert row["confidence"] > shorter["confidence"].max()
    assert row["adjusted_lift"] == pytest.approx(row["count"] / row["expected_count"], rel=1e-5)

    by_one = mined(of_three(rng, 4000, lambda a, _: 0.7 if a else 0.2))["rules"].filter(level="product")
    assert by_one.filter(pl.col("consequent") == "c", association="complement")["antecedent"].to_list() == [
        ["a"]
    ]


def test_rules_that_do_not_hold_in_the_later_months_are_not_among_the_strongest(mined):
    """A and b belong together in January and February, and no more in March; c and d always."""
    rng = np.random.default_rng(8)
    rows = []
    for at in range(6000):
        month = MONTHS[at % 3]
        basket = {item for item in "abcdef" if rng.random() < 0.2}
        for lead, follower in (("a", "b"), ("c", "d")):
            if lead in basket and (lead == "c" or month != MONTHS[2]) and rng.random() < 0.6:
                basket.add(follower)
        rows += [(at, item, month) for item in sorted(basket)]
    lines = pl.DataFrame(rows, ["basket", "item", "month"], orient="row")
    rules = mined(lines, as_ofs=[MONTHS[2]], later_months=1)["rules"].filter(level="product", is_rule=True)
    told = {row["antecedent"][0]: row for row in rules.iter_rows(named=True) if row["consequent"] in "bd"}
    assert not told["a"]["is_held"]
    assert told["a"]["strength_rank"] is None
    assert told["c"]["is_held"]
    assert sorted(rules["strength_rank"].drop_nulls()) == [1, 2]
    few = mined(lines, as_ofs=[MONTHS[2]], later_months=1, strongest=1)["rules"]
    assert few["strength_rank"].drop_nulls().to_list() == [1]
    alone = mined(lines, as_ofs=[MONTHS[0]])["rules"]
    assert alone["is_held"].null_count() == alone.height > 0


def test_what_is_bought_first_across_orders_comes_first(mined):
    """A printer, some days later ink; now and then both at once."""
    rng = np.random.default_rng(9)
    rows, basket = [], 0
    for customer in range(120):
        day = int(rng.integers(10))
        for after, items in ((0, ["printer"]), (3 + day, ["ink"]), (6 + day, ["ink", "printer"])):
            at = MONTHS[0] + timedelta(days=after)
            extra = [f"f{k}" for k in np.flatnonzero(rng.random(8) < 0.2)]
            rows += [(basket, item, MONTHS[0], at, f"{customer}") for item in items + extra]
            basket += 1
    lines = pl.DataFrame(rows, ["basket", "item", "month", "at", "customer"], orient="row")
    rules = mined(lines, false_discovery_rate=0.5)["rules"].filter(
        pl.col("consequent") == "ink", level="product"
    )
    row = rules.filter(pl.col("antecedent") == ["printer"]).row(0, named=True)
    assert (row["antecedent_first_customers"], row["consequent_first_customers"]) == (120, 0)
    assert row["comes_first"] == "antecedent"


def test_baskets_above_the_cap_are_left_out_and_counted(mined):
    lines = drawn(np.random.default_rng(10), 400, months=MONTHS[:1])
    big = pl.DataFrame({"basket": [1000] * 30, "item": [f"z{at}" for at in range(30)]})
    whole = pl.concat([lines.select("basket", "item"), big])
    found = mined(whole, basket_cap=10)
    assert not found["pair_months"].filter(pl.col("item").str.starts_with("z")).height
    row = found["summary"].filter(level="product").row(0, named=True)
    items = lines.height
    assert (row["baskets"], row["capped_baskets"]) == (lines["basket"].n_unique(), 1)
    assert row["capped_share"] == pytest.approx(30 / (items + 30), abs=1e-6)


@pytest.mark.parametrize(
    ("baskets", "reason"),
    [
        ([["a"], ["b"], ["a"], ["b"]], "no frequent pair is bought together more often than by chance"),
        ([["a", "b", "c"]], "no frequent pair is bought together more often than by chance"),
        ([["x", f"i{at}"] for at in range(300)], "no two items are frequent enough: lower the support"),
        (
            [["x", "ab"[at % 2]] for at in range(300)],
            "no frequent pair is bought together more often than by chance",
        ),
        ([[f"i{at}" for at in range(101)]], "every basket is above the cap"),
    ],
    ids=["baskets of one item", "one basket", "nothing frequent", "an item in every basket", "all too big"],
)
def test_where_there_is_no_rule_a_table_says_why(mined, baskets, reason):
    lines = pl.DataFrame(
        [(at, item) for at, basket in enumerate(baskets) for item in basket], ["basket", "item"], orient="row"
    )
    found = mined(lines, support=0.4 if len(baskets) < 300 else 0.01)
    assert found["rules"].filter(association="complement").is_empty()
    summary = found["summary"].filter(level="product")
    assert summary["reason"].to_list() == [reason]


def test_categories_are_told_as_goods_are(mined):
    lines = drawn(np.random.default_rng(11), 2000, months=MONTHS[:1])
    lines = lines.with_columns(category=pl.col("item").str.to_uppercase())
    rules = mined(lines)["rules"]
    goods, categories = (
        rules.filter(pl.col("antecedent").list.len() == 1, level=level).drop("level")
        for level in ("product", "category")
    )
    named = categories.with_columns(
        pl.col("antecedent").list.eval(pl.element().str.to_lowercase()),
        pl.col("consequent").str.to_lowercase(),
    )
    by = ["antecedent", "consequent"]
    # Ranks are given with rules of two, which categories have none of.
    assert named.sort(by).drop("strength_rank").equals(goods.sort(by).drop("strength_rank"))


def test_an_as_of_is_the_same_made_alone_or_with_others_and_whatever_comes_later(mined):
    """Else a backfill and monthly runs would leave other tables, and the past would change."""
    lines = drawn(np.random.default_rng(12), 900)
    settings = {"window_months": 2, "later_months": 1, "false_discovery_rate": 0.05}
    whole = mined(lines, **settings)
    order = lines.sample(fraction=1, shuffle=True, seed=1)
    assert whole["rules"].filter(as_of=MONTHS[1]).height > 0
    for name in ("itemsets", "rules", "summary"):
        by = [
            column
            for column in ("level", "antecedent", "consequent", "items")
            if column in whole[name].columns
        ]
        of_month = whole[name].filter(as_of=MONTHS[1]).sort(by)
        for known in (lines, lines.filter(pl.col("month") <= MONTHS[1]), order):
            alone = mined(known, as_ofs=[MONTHS[1]], **settings)[name].filter(as_of=MONTHS[1]).sort(by)
            assert_frame_equal(alone, of_month)


def test_without_lines_there_are_no_rows(mined):
    empty = pl.DataFrame(schema={"basket": pl.String, "item": pl.String})
    found = mined(empty, as_ofs=[MONTHS[0]])
    assert found["rules"].is_empty()
    assert found["itemsets"].is_empty()
    assert found["summary"]["reason"].to_list() == ["no basket in the window"] * 2
