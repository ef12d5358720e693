import hashlib
from collections import Counter
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

import numpy as np
import polars as pl
import pytest

import simulator
from simulator import words
from simulator.parameters import PRESETS
from simulator.review_files import topic_names

FIRST = date(2010, 1, 1)
HOW = PRESETS["default"].writing
ON_RECORD = {
    "default": "2ce69236bf38817a7895824863985574176d0d2a757346b675f7585e229c0b27",
    "null": "db6402bbb67f0593f97443834590266ae5ccf6e6f4222b6a5b6dbbb17fd0678a",
}


def write(home, months=3, customers=300, reviews=0.3, **options):
    return simulator.write(
        home, months=months, customers=customers, first_month=FIRST, reviews=reviews, **options
    )


def contents(written):
    return {file.name: file.read_bytes() for file in (*written.files, *written.reviews)}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Gives the truth of a shop that writes much, and the rows of its files."""

    @cache
    def make(preset="default", months=24, customers=1200, reviews=0.15, seed=1):
        written = write(tmp_path_factory.mktemp(preset), months, customers, reviews, preset=preset, seed=seed)
        truth = {file.stem: pl.read_parquet(file) for file in written.truth}
        rows = pl.concat(
            pl.read_csv(file, infer_schema=False).with_columns(
                file=pl.lit(file.name), row=pl.int_range(1, pl.len() + 1)
            )
            for file in written.reviews
        )
        return written, truth, rows

    return make


def test_reviews_change_nothing_else_of_a_shop(tmp_path):
    """Every figure that was measured on a shop without them would be another."""
    without = write(tmp_path / "without", reviews=0)
    with_them = write(tmp_path / "with")
    assert without.reviews == ()
    assert len(with_them.reviews) == 3
    there = contents(with_them)
    assert all(there[name] == text for name, text in contents(without).items())
    assert not list((tmp_path / "without").rglob("*review*"))


def test_the_same_seed_gives_the_same_bytes_and_another_others(tmp_path):
    one = contents(write(tmp_path / "one"))
    assert one == contents(write(tmp_path / "again"))
    other = contents(write(tmp_path / "other", seed=2))
    assert all(one[name] != other[name] for name in one)


@pytest.mark.parametrize("preset", ["default", "null", "bgnbd"])
def test_more_months_extend_the_past_and_never_change_it(tmp_path, preset):
    """A review that waits to be written, or the number of the last, must not depend on how long the shop is."""
    short = contents(write(tmp_path / "short", months=3, preset=preset))
    long = contents(write(tmp_path / "long", months=5, preset=preset))
    assert len(long) == 10
    assert all(long[name] == text for name, text in short.items())


@pytest.mark.parametrize(("preset", "digest"), ON_RECORD.items())
def test_the_bytes_are_those_on_record(tmp_path, preset, digest):
    """On every machine and version: whoever changes a shop changes every figure that was measured on it."""
    written = write(tmp_path, months=2, customers=150, preset=preset)
    assert hashlib.sha256(b"".join(file.read_bytes() for file in written.reviews)).hexdigest() == digest


def test_customers_write_of_what_they_bought_after_they_bought_it(shop):
    written, truth, _ = shop()
    bought = pl.concat(
        pl.read_csv(file.read_text("latin-1").encode(), infer_schema=False) for file in written.files
    ).select(
        pl.col("CustomerID").alias("customer_id"),
        pl.col("StockCode").alias("stock_code"),
        pl.col("InvoiceDate").str.to_datetime("%m/%d/%Y %k:%M", strict=False).alias("at"),
        ~pl.col("InvoiceNo").str.starts_with("C").fill_null(value=True).alias("is_sale"),
    ).filter("is_sale").group_by("customer_id", "stock_code").agg(pl.min("at"))  # fmt: skip
    honest = truth["reviews"].filter(pl.col("campaign").is_null())
    joined = honest.join(bought, on=["customer_id", "stock_code"], how="left")
    assert honest.height > 10_000
    assert joined.filter(pl.col("at").is_null() | (pl.col("at") >= pl.col("reviewed_at"))).is_empty()
    lines = truth["files"]["sale_lines"].sum() - truth["files"]["guest_lines"].sum()
    # Of the last weeks some are still to be written.
    assert 0.13 < honest.height / lines < 0.15


def test_topics_have_their_words_and_shares(shop):
    """They are what a model of topics is judged by."""
    _, truth, _ = shop()
    reviews = truth["reviews"].filter(pl.col("campaign").is_null(), pl.col("kind") == "plain")
    categories = dict(truth["goods"].select("stock_code", "category").iter_rows())
    counts = np.array(reviews["topic_words"].to_list())
    for month in (FIRST, date(2010, 12, 1), date(2011, 1, 1), date(2011, 12, 1)):
        of_category = reviews["stock_code"].replace_strict(categories) == "toys"
        found = counts[(of_category & (reviews["month"] == month)).to_numpy()].sum(axis=0)
        share = truth["review_shares"].filter(pl.col("month") == month, pl.col("category") == "toys")["share"]
        assert share.len() == len(topic_names(PRESETS["default"])) == 12
        assert abs(share.sum() - 1) < 1e-5
        assert np.abs(found / found.sum() - share.to_numpy()).max() < 0.12

    told = " ".join(reviews.filter(pl.col("topic") == "toys").join(texts(shop), on="review_id")["text"])
    seen = Counter(told.lower().replace(".", "").split())
    table = truth["review_words"].filter(pl.col("topic") == "toys")
    own = table.filter(pl.int_range(pl.len()) < HOW.topic_words - HOW.shared_words)
    number = np.array([seen[word] for word in own["word"]])
    expected = own["probability"].to_numpy() / own["probability"].sum() * number.sum()
    chi_square = ((number - expected) ** 2 / expected).sum()
    assert chi_square < len(own) + 5 * np.sqrt(2 * len(own))


def texts(shop, **options):
    _, truth, rows = shop(**options)
    clean = rows.join(truth["review_dirty"], on=["file", "row"], how="anti")
    return clean.unique("review_id", keep="first", maintain_order=True).select("review_id", "title", "text")


def test_one_share_drifts_and_one_jumps_in_its_month(shop):
    _, truth, _ = shop()
    share = truth["review_shares"].filter(pl.col("category") == "bags")
    of = {
        name: share.filter(pl.col("topic") == name).sort("month")["share"].to_numpy()
        for name in ("delivery", "price", "service")
    }
    ratio = of["price"] / of["service"]
    assert np.allclose(ratio[HOW.jump_month :] / ratio[0], HOW.jump, rtol=1e-3)
    assert np.allclose(ratio[: HOW.jump_month] / ratio[0], 1, rtol=1e-3)
    drift = of["delivery"] / of["service"]
    assert (np.diff(drift) > 0).all()
    assert np.isclose(drift[12] / drift[0], 1 + (HOW.drift - 1) / 2, rtol=1e-3)


def test_opinions_are_those_of_good_and_topic_and_stars_follow_them(shop):
    _, truth, _ = shop()
    reviews = truth["reviews"].filter(pl.col("campaign").is_null())
    of_topic = truth["review_shares"].select("month", "topic", of_topic="opinion").unique()
    joined = reviews.join(
        truth["review_goods"].rename({"opinion": "of_good"}), on=["month", "stock_code"]
    ).join(of_topic, on=["month", "topic"])
    rest = (joined["opinion"] - joined["of_good"] - joined["of_topic"]).to_numpy()
    assert joined.height == reviews.height
    assert abs(rest.mean()) < 5 / np.sqrt(len(rest))
    assert abs(rest.std() - 1) < 0.03
    expected = 1 + (joined["opinion"].to_numpy()[:, None] > np.array(HOW.stars)).sum(axis=1)
    assert 0.6 < (expected == joined["rating"].to_numpy()).mean() < 0.95
    assert np.corrcoef(joined["opinion"], joined["rating"])[0, 1] > 0.75
    before_and_after = joined.join(truth["review_soured"], on="stock_code", suffix="_soured").group_by(
        "stock_code"
    ).agg(
        pl.col("rating").filter(pl.col("month") < pl.col("month_soured")).mean().alias("before"),
        pl.col("rating").filter(pl.col("month") >= pl.col("month_soured")).mean().alias("after"),
    )  # fmt: skip
    assert before_and_after.height >= 2
    assert (before_and_after["before"] - before_and_after["after"] > 0.7).all()


def test_campaigns_come_in_an_hour_or_as_copies(shop):
    _, truth, _ = shop()
    campaigns = truth["review_campaigns"]
    fakes = truth["reviews"].filter(pl.col("campaign").is_not_null()).join(texts(shop), on="review_id")
    assert campaigns.height == 24 * 365 // 12 // HOW.days_a_campaign
    seen = set()
    for row in campaigns.iter_rows(named=True):
        of = fakes.filter(pl.col("campaign") == row["campaign"])
        assert set(of["stock_code"]) == {row["stock_code"]}
        assert set(of["rating"]) == {row["rating"]} <= {1, 5}
        assert of["customer_id"].n_unique() == of.height
        span = timedelta(hours=1) if row["is_burst"] else timedelta(days=HOW.campaign_days)
        assert of["reviewed_at"].is_between(row["starts_at"], row["starts_at"] + span).all()
        if of["reviewed_at"].max() < row["starts_at"] + span / 2:
            continue  # the shop ends before it does
        openings = of["text"].str.split(" ").list.head(3).list.join(" ").n_unique()
        assert (openings <= of.height / 2) == row["is_copied"]
        seen.add((row["is_burst"], row["is_copied"]))
    assert seen == {(True, True), (True, False), (False, True)}


def test_nothing_is_planted_in_a_null_shop(shop):
    _, truth, rows = shop("null", months=14, customers=300, reviews=0.1)
    assert rows.height > 1000
    assert truth["review_campaigns"].is_empty()
    assert truth["review_soured"].is_empty()
    assert truth["reviews"]["campaign"].null_count() == truth["reviews"].height
    assert truth["review_goods"]["opinion"].n_unique() == 1
    assert truth["review_shares"]["opinion"].n_unique() == 1
    per_month = truth["review_shares"].group_by("category", "topic").agg(pl.col("share").n_unique())
    assert set(per_month["share"]) == {1}


def test_longer_reviews_are_more_helpful_unless_nothing_is_planted(shop):
    def slope(preset, **options):
        _, truth, rows = shop(preset, **options)
        votes = rows.unique("review_id").select(
            "review_id", pl.col("helpful_votes", "total_votes").cast(pl.Int64)
        )
        joined = truth["reviews"].join(votes, on="review_id")
        halves = joined.group_by(pl.col("words") > 45).agg(
            (pl.sum("helpful_votes") / pl.sum("total_votes")).alias("share")
        ).sort("words")  # fmt: skip
        return halves["share"][1] - halves["share"][0]

    assert slope("default") > 0.1
    assert abs(slope("null", months=14, customers=300, reviews=0.1)) < 0.04


def test_the_truth_counts_the_dirty_rows_and_duplicates_that_are_in_the_files(shop):
    _, truth, rows = shop()
    dirty = truth["review_dirty"].join(rows, on=["file", "row"])
    wrong = {
        "rating_0": pl.col("rating") == "0",
        "rating_6": pl.col("rating") == "6",
        "rating_between": pl.col("rating") == "4.5",
        "rating_in_words": pl.col("rating") == "five",
        "year_1970": pl.col("reviewed_at").str.starts_with("1970"),
        "text_date": pl.col("reviewed_at") == "last week",
        "empty_product": pl.col("product_id").is_null(),
        "unknown_verified": pl.col("is_verified") == "perhaps",
    }
    assert set(dirty["kind"]) == set(wrong)
    for kind, test in wrong.items():
        assert dirty.filter(pl.col("kind") == kind).height == rows.filter(test).height
    kinds = truth["review_files"]
    assert kinds["rows"].sum() == rows.height
    assert kinds["reviews"].sum() == truth["reviews"].height == rows["review_id"].n_unique()
    copies = rows.drop("row").is_duplicated().sum() // 2
    assert kinds["duplicate_rows"].sum() == copies > 0
    assert (kinds["rows"] == kinds["reviews"] + kinds["duplicate_rows"] + kinds["dirty_rows"]).all()


def test_what_is_readable_is_taken_in_and_the_rest_quarantined(home, intake, rows_of):
    """The files are to be such as shops drop: every dirty row is one that quarantine knows."""
    written = write(home, customers=600)
    for file in written.files:
        file.unlink()
    assert {row.state for row in intake().arrivals} == {"accepted"}
    truth = {file.stem: pl.read_parquet(file) for file in written.truth}
    counted = truth["review_files"].sum()
    assert rows_of("SELECT count(*) FROM landing.reviews") == [
        (counted["reviews"][0] + counted["duplicate_rows"][0],)
    ]
    assert rows_of("SELECT count(*) FROM landing.quarantine") == [(counted["dirty_rows"][0],)]
    assert counted["dirty_rows"][0] > 3


def test_a_month_without_a_review_is_an_empty_file_that_is_taken_in(home, intake):
    written = write(home, months=1, customers=1, reviews=1e-9, preset="null")
    assert written.reviews[0].read_text().count("\n") == 1
    assert [row.state for row in intake().arrivals if row.source == "reviews"] == ["accepted"]


def test_made_up_words_mean_nothing_and_the_others_what_they_should():
    """A made-up word that a lexicon knows would speak for itself."""
    lexicon = dict(
        line.split("\t")[:2]
        for line in files("vaderSentiment").joinpath("vader_lexicon.txt").read_text("utf-8").splitlines()
    )
    tongue = words.language(HOW, 12)
    invented = tongue.words[: tongue.small]
    assert len(invented) == len(set(invented)) == 12 * HOW.topic_words + HOW.common_words
    assert not set(tongue.words[: tongue.praise]) & set(lexicon)
    assert not set(invented) & {*words.SMALL, *words.FOREIGN, *words.STRESS, words.NOT}
    assert all(float(lexicon[word]) > 1 for word in words.PRAISE)
    assert all(float(lexicon[word]) < -1 for word in words.BLAME)


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_that_is_none_is_refused(tmp_path, share):
    with pytest.raises(ValueError, match="expected a share from 0 to 1"):
        write(tmp_path, reviews=share)
    assert list(tmp_path.iterdir()) == []
