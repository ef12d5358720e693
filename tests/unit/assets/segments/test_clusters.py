"""Clusters: the rule of choice on planted groups, labels that last, and what is told of them."""

from collections.abc import Callable
from datetime import date
from itertools import permutations
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
import skops.io
from scipy.stats import f_oneway
from sklearn.metrics import adjusted_rand_score, silhouette_samples

from assets.segments import cluster_drivers, cluster_profiles, cluster_quality, clusters
from assets.segments.assign import assign
from assets.segments.clustering import outliers, part, points, silhouettes
from resources.models import Model
from warehouse.errors import TillageError
from warehouse.tables import TABLES

MONTH = date(2011, 8, 1)
KINDS = {"k-means", "agglomerative", "gaussian mixture"}


def customers(
    groups: int = 3, each: int = 120, spread: float = 0.15, seed: int = 0, **more: Any
) -> pl.DataFrame:
    """Customers in groups, e times apart in how often they come and what they spend; `spread` is within a group."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), each)
    rate, value = (np.exp(group + rng.normal(0, spread, len(group))) for _ in range(2))
    count = len(group)
    return pl.DataFrame(
        {
            "as_of": [MONTH] * count,
            "customer_id": [f"{at:05}" for at in range(count)],
            "lot": [f"{at:05}" for at in rng.permutation(count)],
            "group": group,
            "order_days": [8] * count,
            "orders_a_month": rate,
            "order_value": 10 * value,
            "season_days": [None] * count,
            "season_expected_share": [None] * count,
            "least_order_days": [5] * count,
            "most_clusters": [6] * count,
            "is_dbscan_tried": [False] * count,
            "method_before": [None] * count,
            "clusters_before": [None] * count,
            "recency_days": rng.integers(1, 90, count),
            "frequency": np.maximum(np.round(rate * 6), 1).astype(int),
            "monetary": np.maximum(np.round(rate * 6), 1) * 10 * value,
        }
        | more,
        schema_overrides={
            "season_days": pl.Int64,
            "season_expected_share": pl.Float64,
            "method_before": pl.String,
            "clusters_before": pl.Int64,
        },
    )  # fmt: skip


def parted(rows: pl.DataFrame, before: pl.DataFrame | None = None) -> pl.DataFrame:
    """The clusters of the rows, in the way that is chosen for them."""
    [month] = rows["as_of"].unique()
    chosen = cluster_quality.compute(rows, [month]).filter("is_chosen").select("as_of", "method", "clusters")
    rows = rows.join(chosen, on="as_of")
    if before is None:
        rows = rows.with_columns(cluster_id_before=pl.lit(None, pl.String))
    else:
        last = before.select("customer_id", cluster_id_before="cluster_id")
        rows = rows.join(last, on="customer_id", how="left", maintain_order="left")
    return clusters.compute(rows, [month])


def chosen_of(rows: pl.DataFrame) -> dict[str, Any]:
    [found] = cluster_quality.compute(rows, [MONTH]).filter("is_chosen").to_dicts()
    return found


# The rule of choice


def test_groups_that_stand_apart_are_found() -> None:
    rows = customers()
    chosen = chosen_of(rows)
    assert (chosen["clusters"], chosen["verdict"]) == (3, "segments")
    assert chosen["stability"] > 0.95
    found = parted(rows).join(rows, on="customer_id", maintain_order="left")
    assert adjusted_rand_score(found["group"], found["cluster_id"]) > 0.98


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_one_gaussian_is_a_continuum_however_stable_its_halves_are(seed: int) -> None:
    """Stability alone proves nothing: one Gaussian cut in two comes out the same every time."""
    rng = np.random.default_rng(seed)
    rate = rng.normal(0, 1, 900)
    rows = customers(
        1, 900, orders_a_month=np.exp(rate), order_value=np.exp(3 + 0.9 * rate + rng.normal(0, 0.4, 900))
    )
    assert chosen_of(rows)["verdict"] == "a continuum, divided for use"


@pytest.mark.parametrize("seed", [0, 1])
def test_a_skewed_feature_makes_no_segments(seed: int) -> None:
    """Half of what customers do is skewed still in its log: rates that are Gamma across customers are."""
    rng = np.random.default_rng(seed)
    rows = customers(
        1, 900, orders_a_month=np.exp(-rng.gamma(2.0, 1.0, 900)), order_value=np.exp(rng.normal(3, 1, 900))
    )
    assert chosen_of(rows)["verdict"] == "a continuum, divided for use"


def test_every_way_is_told_with_its_figures_and_one_is_chosen() -> None:
    found = cluster_quality.compute(customers(), [MONTH])
    assert set(found["method"]) == KINDS
    assert found.height == 3 * 5
    assert found["is_chosen"].sum() == 1
    figures = found.select("silhouette", "null_silhouette", "inertia", "davies_bouldin", "smallest_share")
    assert figures.null_count().sum_horizontal().item() == 0
    of_means = found.filter(pl.col("method") == "k-means").sort("clusters")
    assert of_means["inertia"].is_sorted(descending=True)
    assert of_means["clusters"][int(of_means["elbow"].arg_max() or 0)] == 3
    assert found.filter(pl.col("stability").is_not_null())["clusters"].n_unique() == 3


def test_what_was_chosen_last_month_stays_unless_it_is_clearly_beaten() -> None:
    """Else customers would change their segment by the chance of a month."""
    rng = np.random.default_rng(3)
    even = customers(
        1, 600, orders_a_month=np.exp(rng.normal(0, 1, 600)), order_value=np.exp(rng.normal(3, 1, 600))
    )
    first = chosen_of(even)
    other = cluster_quality.compute(even, [MONTH]).filter(
        pl.col("method") == first["method"], pl.col("stability").is_not_null(), ~pl.col("is_chosen")
    )
    for method, k in [("k-means", 4), *other.select("method", "clusters").rows()]:
        given = even.with_columns(method_before=pl.lit(method), clusters_before=pl.lit(k, pl.Int64))
        now = chosen_of(given)
        gains = {
            (row["method"], row["clusters"]): row["gain"]
            for row in cluster_quality.compute(given, [MONTH]).to_dicts()
        }
        assert (now["method"], now["clusters"]) == (method, k) or now["gain"] > gains[method, k]
    beaten = customers().with_columns(method_before=pl.lit("k-means"), clusters_before=pl.lit(2, pl.Int64))
    assert chosen_of(beaten)["clusters"] == 3


def test_dbscan_is_tried_on_request() -> None:
    found = cluster_quality.compute(customers(is_dbscan_tried=[True] * 360), [MONTH])
    dense = found.filter(pl.col("method") == "dbscan")
    assert dense["clusters"].to_list() == [3]
    assert dense["silhouette"].item() == pytest.approx(
        found.filter(pl.col("method") == "k-means", pl.col("clusters") == 3)["silhouette"].item(), abs=0.01
    )


def test_silhouettes_are_those_of_scikit_learn() -> None:
    at = points(customers(each=60), MONTH)
    labels = np.random.default_rng(0).integers(0, 4, len(at.judged))
    labels[labels == 3] = 2
    labels[0] = 3
    assert silhouettes(at.distances, labels) == pytest.approx(silhouette_samples(at.judged, labels))


def test_tenure_and_recency_make_no_clusters() -> None:
    rows = customers()
    moved = rows.with_columns(recency_days=pl.col("recency_days") * 3)
    one, other = (parted(table).drop("as_of") for table in (rows, moved))
    assert one.equals(other)


def test_the_order_of_rows_and_other_months_change_nothing() -> None:
    rows = customers()
    other = customers(seed=5).with_columns(as_of=pl.lit(date(2011, 9, 1)))
    shuffled = pl.concat([other, rows]).sample(fraction=1, shuffle=True, seed=1)
    for compute in (
        cluster_quality.compute,
        lambda table, months: parted(table.filter(pl.col("as_of").is_in(months))),
    ):
        assert compute(shuffled, [MONTH]).equals(compute(rows, [MONTH]))


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (customers(1, 1), "0 customers came on"),
        (customers(order_days=[1] * 360), "0 customers came on 5 days or more"),
        (customers(orders_a_month=[1.0] * 360, order_value=[5.0] * 360), "all customers are alike"),
        (customers(orders_a_month=[1.0] * 360, order_value=[0.0] * 360), "all customers are alike"),
        (customers(1, 200, orders_a_month=[1.0] * 200, order_value=[5.0, 7.0] * 100), "all customers are alike"),
    ],
    ids=["one customer", "no repeat customer", "all equal", "amounts of 0", "two kinds"],
)  # fmt: skip
def test_where_nothing_can_be_parted_a_row_says_why(rows: pl.DataFrame, reason: str) -> None:
    rows = rows.with_columns(order_days=pl.when(pl.len() > 1).then("order_days").otherwise(1))
    chosen = chosen_of(rows)
    assert (chosen["method"], chosen["verdict"]) == ("none", "none")
    assert chosen["why"].startswith(reason)
    assert parted(rows).is_empty()


def test_without_customers_there_are_no_rows() -> None:
    nobody = customers().clear()
    assert cluster_quality.compute(nobody, [MONTH]).is_empty()
    assert clusters.compute(
        nobody.with_columns(method=pl.lit("k-means"), clusters=2, cluster_id_before=pl.lit("x")), [MONTH]
    ).is_empty()


@pytest.mark.parametrize("name", ["orders_a_month", "order_value"])
def test_a_constant_feature_is_left_out(name: str) -> None:
    found = cluster_quality.compute(customers(**{name: [3.0] * 360}), [MONTH])
    assert found.filter("is_chosen")["clusters"].item() == 3
    numbers = found.select(pl.col(pl.Float64))
    assert not numbers.select(pl.any_horizontal(pl.all().is_nan().any(), pl.all().is_infinite().any())).item()


def test_a_season_counts_by_how_much_of_it_is_not_chance() -> None:
    """Of six days, two or none fall into the season by chance: scaled up, that would make clusters."""
    rng = np.random.default_rng(0)
    weights = []
    for seasonal in (0.0, 0.05, 0.3):
        chance = np.where(rng.random(900) < seasonal, 0.9, 0.25)
        rows = customers(
            each=300,
            order_days=[6] * 900,
            season_days=rng.binomial(6, chance),
            season_expected_share=[0.25] * 900,
        )
        x = points(rows, MONTH).x
        weights.append(x[:, 2].std() if x.shape[1] == 3 else 0.0)
    assert weights[0] < 0.2 < weights[1] < weights[2] < 1


def test_rates_that_differ_by_chance_alone_make_no_clusters() -> None:
    days = np.maximum(np.random.default_rng(0).poisson(8, 360), 5)
    rows = customers(order_days=days, orders_a_month=days / 24, order_value=[9.0] * 360)
    assert chosen_of(rows)["why"] == "all customers are alike"


def test_few_different_customers_are_no_trouble() -> None:
    rows = customers(1, 300, orders_a_month=[1.0, 2.0, 4.0] * 100, order_value=[5.0, 9.0] * 150)
    assert chosen_of(rows)["clusters"] <= 5
    assert parted(rows).height == 300


# Labels that last


def naive_best(pairs: np.ndarray[Any, Any]) -> float:
    """The best sum of Jaccard indices of one-for-one pairs, by trying all."""
    union = pairs.sum(axis=1)[:, None] + pairs.sum(axis=0)[None, :] - pairs
    jaccard = pairs / np.maximum(union, 1)
    return float(
        max(sum(jaccard[at, to] for at, to in enumerate(way)) for way in permutations(range(len(pairs))))
    )


@pytest.mark.parametrize("seed", range(5))
def test_clusters_are_matched_so_that_they_share_the_most_customers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = rng.integers(0, 4, 400)
    labels = np.where(rng.random(400) < 0.8, (before + 1) % 4, rng.integers(0, 4, 400))
    pairs = np.zeros((4, 4))
    np.add.at(pairs, (labels, before), 1)
    ids = clusters.matched(labels, [f"old.{one}" for one in before], MONTH)
    assert ids == [f"old.{(label - 1) % 4}" for label in range(4)]
    union = pairs.sum(axis=1)[:, None] + pairs.sum(axis=0)[None, :] - pairs
    own = sum(pairs[at, int(one[-1])] / union[at, int(one[-1])] for at, one in enumerate(ids))
    assert own == pytest.approx(naive_best(pairs))


def test_who_shares_too_few_customers_is_born_under_an_id_of_its_month() -> None:
    labels = np.repeat([0, 1, 2], [50, 30, 40])
    before = ["2010-12.1"] * 50 + [None] * 30 + ["2010-12.2"] * 10 + ["2010-12.1"] * 5 + [None] * 25
    assert clusters.matched(labels, before, MONTH) == ["2010-12.1", "2011-08.1", "2010-12.2"]
    assert clusters.matched(labels, [None] * 120, MONTH) == ["2011-08.1", "2011-08.3", "2011-08.2"]


def test_labels_stay_from_month_to_month() -> None:
    first = parted(customers(seed=0))
    later = customers(seed=0).with_columns(
        as_of=pl.lit(date(2011, 9, 1)), order_value=pl.col("order_value") * 1.1
    )
    second = parted(later, first)
    both = first.join(second, on="customer_id", suffix="_now")
    assert (both["cluster_id"] == both["cluster_id_now"]).mean() > 0.99


def test_a_customer_far_from_all_is_an_outlier_and_the_others_are_none() -> None:
    at = points(customers(each=150), MONTH)
    assert outliers(at).mean() < 0.05
    value = customers(each=150)["order_value"].to_list()
    far = points(customers(each=150, order_value=[5e4, *value[1:]]), MONTH)
    assert outliers(far)[far.table["customer_id"].to_list().index("00000")]


def test_distances_and_the_next_cluster_are_those_of_the_nearest_centres() -> None:
    found = parted(customers())
    assert (found["own_distance"] <= found["next_distance"]).all()
    assert (found["cluster_id"] != found["next_cluster_id"]).all()
    middle = found.group_by("cluster_id").agg(pl.col("x").mean()).sort("x")["cluster_id"].to_list()
    ends = found.filter(pl.col("cluster_id") != middle[1])
    assert (ends["next_cluster_id"] == middle[1]).all()


# What is told of them


def test_profiles_stand_against_all_and_give_no_p_value_for_what_made_the_clusters() -> None:
    rng = np.random.default_rng(0)
    count = 300
    of = np.repeat(["a", "b", "c"], 100)
    table = pl.DataFrame(
        {"cluster_id": of}
        | {name: rng.normal(5, 1, count) for name in cluster_profiles.FIGURES}
        | {"products": rng.normal(5, 1, count) + (of == "a"), "has_returned": rng.random(count) < 0.5}
    )
    found = cluster_profiles.profiles(table)
    assert found.height == 3 * len(cluster_profiles.FIGURES)
    assert found.filter("makes_clusters")["p_value"].null_count() == 3 * len(cluster_profiles.MAKERS)
    row = found.row(by_predicate=(pl.col("cluster_id") == "a") & (pl.col("figure") == "products"), named=True)
    assert row["effect_size"] == pytest.approx(1.0, abs=0.25)
    assert row["mean"] > row["mean_of_all"]
    values = table["products"].to_numpy()
    raw = f_oneway(*(values[of == one] for one in "abc")).pvalue
    tested = len(cluster_profiles.FIGURES) - len(cluster_profiles.MAKERS)
    assert row["p_value"] == pytest.approx(raw * tested, abs=1e-6), "the smallest of so many"
    others = found.filter(~pl.col("makes_clusters"), pl.col("figure") != "products")
    assert (others["p_value"] > 0.05).all()


def test_what_is_constant_or_unknown_has_no_effect_size() -> None:
    table = pl.DataFrame(
        {"cluster_id": ["a", "b"] * 50} | {name: [None, 1.0] * 50 for name in cluster_profiles.FIGURES}
    )
    found = cluster_profiles.profiles(table)
    assert found["effect_size"].null_count() == found["p_value"].null_count() == found.height
    assert found.filter(pl.col("cluster_id") == "a")["mean"].null_count() == len(cluster_profiles.FIGURES)


def test_the_drivers_of_clusters_are_what_parts_them() -> None:
    rows = customers(order_value=[20.0] * 360)
    rng = np.random.default_rng(0)
    noise = {
        name: rng.normal(0, 1, 360)
        for name in ("tenure_days", "products", "returned_share", "gap_variation", "season_share")
    }
    table = (
        parted(rows)
        .select("customer_id", "cluster_id")
        .join(rows, on="customer_id")
        .with_columns(**{name: pl.Series(values) for name, values in noise.items()})
    )
    found = cluster_drivers.compute(table, [MONTH])
    first = found.filter(pl.col("rank") == 1)
    assert first["figure"].to_list() == ["orders_a_month"] * 3
    assert (first["importance"] > 0.1).all()
    assert (found["accuracy"] > 0.95).all()
    assert found.filter(pl.col("figure") == "products")["importance"].max() < 0.05


# Asking for one customer


@pytest.fixture(scope="module")
def model() -> Model:
    rows = customers()
    [found] = clusters.models(rows, parted(rows)).values()
    return found


def test_a_stored_model_answers_as_the_one_that_was_fitted(model: Model) -> None:
    """Skops writes it with what it trusts by itself: nothing strange is in it."""
    written = skops.io.dumps(model.estimator)
    assert skops.io.get_untrusted_types(data=written) == []
    again = Model(skops.io.loads(written), model.parameters, model.metrics)
    assert assign(9, 4, 120.0, MONTH, model=again) == assign(9, 4, 120.0, MONTH, model=model)


def test_a_customer_is_assigned_where_the_month_s_customers_are(model: Model) -> None:
    rows = customers()
    found = parted(rows).join(rows, on="customer_id")
    answers = [
        assign(*row, MONTH, model=model).cluster_id
        for row in found.select("recency_days", "frequency", "monetary").head(60).iter_rows()
    ]
    agreement = np.mean(np.array(answers) == found["cluster_id"].head(60).to_numpy())
    assert agreement == pytest.approx(model.metrics["agreement"], abs=0.1)
    assert model.metrics["agreement"] > 0.95 > model.metrics["largest_share"]


def test_the_next_segment_begins_at_the_distance_that_is_told(model: Model) -> None:
    """Walking towards the border, the answer changes where it was said to."""
    answer = assign(9, 4, 120.0, MONTH, model=model)
    scaler, regression = model.estimator[0], model.estimator[-1]
    names = list(regression.classes_)
    own, other = (names.index(one) for one in (answer.cluster_id, answer.next_cluster_id))
    away = regression.coef_[other] - regression.coef_[own]
    start = scaler.transform(np.log1p([[9, 4, 120.0]]))[0]
    for step, cluster in ((0.98, answer.cluster_id), (1.02, answer.next_cluster_id)):
        there = start + away / np.linalg.norm(away) * answer.next_distance * step
        asked = np.expm1(scaler.inverse_transform(there[None, :]))[0]
        if (asked >= [1, 1, 0]).all():
            assert assign(*asked, MONTH, model=model).cluster_id == cluster


@pytest.mark.parametrize("asked", [(0, 1, 1.0), (1, 0, 1.0), (1, 1, -1.0), (float("nan"), 1, 1.0)])
def test_what_is_no_customer_is_told(model: Model, asked: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="are no customer's"):
        assign(*asked, MONTH, model=model)


def test_a_shop_too_small_for_clusters_says_so_to_who_asks(
    lake: duckdb.DuckDBPyConnection,
    home: Path,
    orders: Path,
    intake: Callable[..., Any],
    csv_text: Callable[..., str],
    order_row: Callable[..., Any],
    make_up_to: Callable[..., Any],
) -> None:
    """That there is no model sends its reader to look for what broke."""
    (orders / "1.csv").write_text(csv_text([order_row(sold_at="1/2/2011 10:00")]))
    intake()
    make_up_to(lake, "segments.clusters")
    with pytest.raises(TillageError) as told:
        assign(9, 4, 120.0, date(2011, 1, 20), home=home)
    assert str(told.value).startswith(
        "Nobody is in a cluster as of 2011-01, so there is none to tell: 0 customers came on 5 days or more "
        "(seeds.clustering), and 100 are needed. "
    )
    with pytest.raises(TillageError, match=r"no model of segments\.clusters as of 2010-12"):
        assign(9, 4, 120.0, date(2010, 12, 20), home=home)


def test_frames_have_the_columns_of_their_contracts() -> None:
    shapes: dict[str, Callable[..., pl.DataFrame]] = {
        "cluster_quality": lambda: cluster_quality.compute(customers(), [MONTH]),
        "clusters": lambda: parted(customers()),
    }
    for name, made in shapes.items():
        assert made().columns == list(TABLES[f"segments.{name}"].shape)


def test_a_parting_puts_everybody_somewhere() -> None:
    at = points(customers(), MONTH)
    for method in sorted(KINDS):
        for k, parting in part(method, at.judged, range(2, 5)).items():
            assert np.unique(parting.of(at.x)).tolist() == list(range(k))
