"""What is in the files agrees with the truth beside them, as a reader of both would see it."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

USUAL = {"customers": 2500, "months": 15}


@pytest.fixture
def default(shop):
    return shop("default", **USUAL)


def on_days(default):
    sold = default.sales.group_by("day").agg(
        orders=pl.col("invoice").n_unique(),
        units=pl.col("quantity").sum(),
        amount=(pl.col("quantity") * pl.col("price")).sum(),
    )
    return default.truth["days"].join(sold, on="day", how="left").fill_null(0).sort("day")


def test_every_row_is_a_line_a_duplicate_or_dirt(default):
    files = default.truth["files"]
    counted = pl.sum_horizontal("sale_lines", "return_lines", "duplicate_rows", "dirty_rows")
    assert files.filter(pl.col("rows") != counted).is_empty()
    found = default.raw.group_by("file").len().sort("file")
    assert found["len"].to_list() == files["rows"].to_list()
    assert default.written.rows == files["rows"].sum()


def test_a_reader_finds_as_many_lines_returns_and_guests_as_were_made(default):
    """Nothing but what the truth calls a duplicate is equal to another row."""
    found = (
        default.lines.group_by("file")
        .agg(
            sale_lines=(~pl.col("invoice").str.starts_with("C")).sum().cast(pl.Int64),
            return_lines=pl.col("invoice").str.starts_with("C").sum().cast(pl.Int64),
            guest_lines=pl.col("customer_id").is_null().sum().cast(pl.Int64),
        )
        .sort("file")
    )
    assert found.equals(default.truth["files"].select(found.columns))


def test_shares_of_duplicates_dirt_and_guests_are_those_asked_for(default):
    files = default.truth["files"].sum()
    lines = files["sale_lines"][0]
    assert abs(files["duplicate_rows"][0] - 0.01 * lines) < 5 * np.sqrt(0.01 * lines)
    assert abs(files["dirty_rows"][0] - 0.001 * lines) < 5 * np.sqrt(0.001 * lines)
    orders = default.sales.group_by("invoice").agg(pl.col("customer_id").first())
    share = orders["customer_id"].is_null().mean()
    assert abs(share - 0.25) < 5 * np.sqrt(0.25 * 0.75 / orders.height)


def test_all_kinds_of_dirt_occur_about_equally(default):
    counts = default.truth["dirty"]["kind"].value_counts()
    assert counts.height == 7
    mean = counts["count"].mean()
    assert ((counts["count"] - mean) ** 2 / mean).sum() < 35


def test_days_sell_what_they_should(default):
    """Each day's orders and amount lie around their expectation with its own spread."""
    trading = on_days(default).filter(pl.col("expected_orders") > 0)
    orders = (trading["orders"] - trading["expected_orders"]) / trading["expected_orders"].sqrt()
    amounts = (trading["amount"] - trading["expected_amount"]) / (
        trading["amount_deviation"] * (trading["expected_amount"] / trading["usual_amount"]).sqrt()
    )
    for z in (orders, amounts):
        assert abs(z.mean()) < 5 / np.sqrt(len(z))
        assert abs(z.std() - 1) < 5 / np.sqrt(2 * len(z))


def test_nothing_is_sold_on_closed_or_missing_days(default):
    table = on_days(default)
    idle = table.filter(~pl.col("is_open") | pl.col("is_missing"))
    assert idle["orders"].sum() == 0
    assert idle["expected_units"].sum() == 0
    assert table["is_missing"].sum() == 1
    assert table.filter("is_missing")["usual_units"].item() > 0
    assert table.filter("is_holiday")["is_open"].sum() == 0


def test_goods_sell_what_they_should_month_by_month(default):
    sold = default.sales.group_by(pl.col("day").dt.truncate("1mo").alias("month"), "stock_code").agg(
        units=pl.col("quantity").sum()
    )
    table = default.truth["demand"].join(sold, on=["month", "stock_code"], how="full", coalesce=True)
    assert table["expected_units"].null_count() == 0
    table = table.with_columns(pl.col("units").fill_null(0)).filter(pl.col("expected_units") > 5)
    z = (table["units"] - table["expected_units"]) / table["expected_units"].sqrt()
    # The goods of a big basket come together, so the mean over goods has the spread of the shop's units.
    assert abs(z.mean()) < 0.25
    # Visits of many units make counts spread a little more than Poisson's.
    assert 1.0 < z.std() < 1.25


def test_what_is_out_of_stock_is_not_sold(default):
    out = default.truth["stockouts"].select("stock_code", "day", "lost_units")
    assert default.sales.join(out, on=["stock_code", "day"]).is_empty()
    lost = out["lost_units"].sum()
    usual, sold = default.truth["demand"].select("usual_units", "expected_units").sum().row(0)
    boosted = default.truth["anomalies"].with_columns(more=pl.col("expected_units") - pl.col("usual_units"))
    shop_wide = boosted.filter(pl.col("kind") != "good")["more"].sum()
    single = boosted.filter(kind="good")["more"].sum()
    # Anomalies of days and goods overlap a little, with each other and with empty shelves.
    assert abs((usual - lost + shop_wide + single) / sold - 1) < 0.01


def test_there_is_one_anomaly_per_45_days_of_4_to_8_deviations_and_1_to_3_days(default):
    shop_wide = default.truth["anomalies"].filter(kind="shop").sort("day")
    days_of_shop = default.truth["days"].height
    # Anomalies lie at least 12 days apart: the days of one are neighbours, holidays and weekends apart.
    begins = shop_wide.filter(pl.col("day").diff().dt.total_days().fill_null(99) > 8)
    assert abs(begins.height - days_of_shop / 45) <= 1
    assert shop_wide["sigmas"].abs().is_between(4, 8).all()
    assert shop_wide.height <= 3 * begins.height
    assert shop_wide["factor"].min() >= 0.05


def test_anomalies_show_in_the_files(default):
    shown = on_days(default).join(default.truth["anomalies"].filter(kind="shop"), on="day")
    z = (shown["amount"] - shown["usual_amount"]) / shown["amount_deviation"]
    # An anomalous day has the noise of a bigger or smaller day around its shift.
    assert (z.sign() == shown["sigmas"].sign()).all()
    assert abs((z - shown["sigmas"]).mean()) < 1


def test_anomalies_of_goods_multiply_their_demand_by_3_to_6(default):
    single = default.truth["anomalies"].filter(kind="good")
    assert single["factor"].is_between(3, 6).all()
    sold = default.sales.group_by("stock_code", "day").agg(units=pl.col("quantity").sum())
    table = single.join(sold, on=["stock_code", "day"], how="left").with_columns(pl.col("units").fill_null(0))
    expected, units = table["expected_units"].sum(), table["units"].sum()
    assert abs(units - expected) < 5 * np.sqrt(expected) * 1.5


def test_two_giant_orders_are_cancelled_on_their_day(shop):
    default = shop("default", customers=400, months=19)
    cancelled = default.truth["returns"].filter(kind="cancelled")
    assert cancelled.height == 2
    assert cancelled["quantity"].is_between(20_000, 80_000).all()
    for invoice, sale, code, quantity, _ in cancelled.iter_rows():
        back = default.lines.filter(invoice=invoice).row(0, named=True)
        sold = default.lines.filter(invoice=sale).row(0, named=True)
        assert (back["stock_code"], -back["quantity"]) == (code, quantity)
        assert (sold["stock_code"], sold["quantity"]) == (code, quantity)
        assert timedelta(0) < back["at"] - sold["at"] < timedelta(hours=1)


def test_every_return_names_the_sale_it_undoes(default):
    returns = default.truth["returns"]
    lines = default.lines.select("invoice", "stock_code", "quantity", "price", "customer_id", "at")
    back = returns.join(lines, on=["invoice", "stock_code"], suffix="_back")
    assert back.height == returns.height == default.truth["files"]["return_lines"].sum()
    assert (back["quantity_back"] == -back["quantity"]).all()
    linked = back.filter(kind="return").join(
        lines, left_on=["sale_invoice", "stock_code"], right_on=["invoice", "stock_code"], suffix="_sold"
    )
    assert linked.height == returns.filter(kind="return").height
    assert (linked["quantity_sold"] >= linked["quantity"]).all()
    assert (linked["price_sold"] == linked["price"]).all()
    assert linked["customer_id"].equals(linked["customer_id_sold"].alias("customer_id"), null_equal=True)
    lag = (linked["at"].dt.date() - linked["at_sold"].dt.date()).dt.total_days()
    assert lag.min() >= 1
    # Gamma(2, 7 days), rounded up and moved to open days; the last months' returns are still to come.
    assert 13 < lag.mean() < 16.5


def test_returns_come_as_often_as_segment_and_category_say(default):
    """Judged on sales old enough for all their returns to have come."""
    last = default.truth["days"]["day"].max() - timedelta(days=120)
    truth = default.truth
    old = (
        default.sales.filter(pl.col("day") < last)
        .join(truth["customers"].select("customer_id", "segment"), on="customer_id")
        .join(truth["goods"].select("stock_code", "category"), on="stock_code")
    )
    links = truth["returns"].filter(kind="return").select(invoice="sale_invoice", stock_code="stock_code")
    came = old.join(links.with_columns(is_back=True), on=["invoice", "stock_code"], how="left")
    rates = (
        came.group_by("segment", "category")
        .agg(lines=pl.len(), back=pl.col("is_back").is_not_null().sum())
        .join(truth["return_shares"], on=["segment", "category"])
        # One in fifty returns has another good on it.
        .with_columns(expected=pl.col("lines") * pl.col("probability") * 0.98)
    )
    assert truth["return_shares"]["probability"].is_between(0.01, 0.08).all()
    z = (rates["back"].cast(pl.Float64) - rates["expected"]) / rates["expected"].sqrt()
    assert (z**2).sum() < rates.height + 5 * np.sqrt(2 * rates.height)


def test_one_return_in_fifty_has_no_sale(default):
    returns = default.truth["returns"].filter(pl.col("kind") != "cancelled")
    unmatched = returns.filter(kind="unmatched")
    assert abs(unmatched.height - 0.02 * returns.height) < 5 * np.sqrt(0.02 * returns.height)
    assert unmatched["sale_invoice"].null_count() == unmatched.height


def test_pairs_meet_as_often_as_expected(default):
    codes = default.truth["goods"]["stock_code"]
    place = {code: number for number, code in enumerate(codes)}
    baskets = default.sales.select(
        pl.col("invoice").rank("dense").cast(pl.Int64).alias("basket"),
        pl.col("stock_code").replace_strict(place).alias("good"),
    )
    has = np.zeros((baskets["basket"].max() + 1, len(codes)), dtype=np.float32)
    has[baskets["basket"].to_numpy(), baskets["good"].to_numpy()] = 1
    together = has.T @ has
    pairs = default.truth["pairs"]
    low = pairs["stock_code"].replace_strict(place).to_numpy()
    high = pairs["other_code"].replace_strict(place).to_numpy()
    pairs = pairs.with_columns(met=pl.Series(together[low, high]).cast(pl.Float64))
    for kind, table in pairs.group_by("kind"):
        assert abs(table["met"].sum() / table["expected_count"].sum() - 1) < 0.08, kind
    bundled = pairs.filter(kind="bundle")
    assert bundled.height == 35
    z = (bundled["met"] - bundled["expected_count"]) / bundled["expected_count"].sqrt()
    assert z.abs().max() < 6
    judged = pairs.filter("is_judged")
    assert judged["expected_count"].min() >= 30
    assert set(judged["kind"]) == {"bundle", "false"}
    assert (pairs["stock_code"] < pairs["other_code"]).all()


def test_false_pairs_are_of_categories_that_every_segment_likes_alike(default):
    goods = default.truth["goods"].select("stock_code", "category")
    pairs = (
        default.truth["pairs"]
        .filter(kind="false")
        .join(goods, on="stock_code")
        .join(goods, left_on="other_code", right_on="stock_code", suffix="_other")
    )
    assert (pairs["category"] != pairs["category_other"]).all()
    assert set(pairs["category"]) == {"kitchen", "party", "garden", "stationery"}


def test_customers_of_the_files_are_those_of_the_truth(default):
    named = default.sales.drop_nulls("customer_id").group_by("customer_id").agg(first=pl.col("day").min())
    table = named.join(default.truth["customers"], on="customer_id", how="left")
    assert table["segment"].null_count() == 0
    arrived = table.filter(pl.col("first_order_on") >= default.truth["days"]["day"].min())
    assert (arrived["first"] == arrived["first_order_on"]).all()
    last = default.sales.drop_nulls("customer_id").group_by("customer_id").agg(last=pl.col("day").max())
    after = last.join(default.truth["customers"], on="customer_id").filter(
        pl.col("last") >= pl.col("leaves_on")
    )
    assert after.is_empty()


def test_new_customers_are_seen_on_the_day_they_begin(default):
    """Every arrival is an order: nobody in the truth has never been in a file, but for those from before."""
    truth = default.truth["customers"].filter(pl.col("first_order_on") >= default.truth["days"]["day"].min())
    assert truth.join(default.sales, on="customer_id", how="anti").is_empty()


def test_prices_of_goods_follow_promotions(default):
    promotions = default.truth["promotions"]
    assert promotions["depth"].is_between(0.1, 0.3).all()
    length = (promotions["ends_on"] - promotions["begins_on"]).dt.total_days() + 1
    assert length.max() <= 14
    sold = default.sales.join(promotions, on="stock_code").with_columns(
        is_on=pl.col("day").is_between("begins_on", "ends_on"),
        is_near=pl.col("day").is_between(pl.col("begins_on") - timedelta(days=10), "ends_on"),
    )
    median = (
        sold.filter("is_near")
        .group_by("stock_code", "begins_on", "depth", "is_on")
        .agg(pl.col("price").max())
        .pivot("is_on", index=["stock_code", "begins_on", "depth"], values="price")
        .drop_nulls()
    )
    ratio = median["true"] / median["false"]
    # A step of the list price may fall between, and another promotion before.
    assert ((ratio - (1 - median["depth"])).abs() < 0.02).mean() > 0.75


def test_probabilities_of_buying_are_calibrated(default):
    buying = default.truth["buying"].filter(as_of=pl.date(2022, 12, 1))
    assert buying["customer_id"].is_unique().all()
    ahead = default.sales.filter(pl.col("day").is_between(pl.date(2023, 1, 1), pl.date(2023, 1, 30)))
    bought = buying.with_columns(
        is_bought=pl.col("customer_id").is_in(ahead["customer_id"].drop_nulls().implode())
    )
    for band in (bought, *(part for _, part in bought.group_by((pl.col("probability") * 5).floor()))):
        p = band["probability"]
        error = np.sqrt((p * (1 - p)).sum())
        # A month's anomalies and weights move the true rates a little.
        assert abs(band["is_bought"].sum() - p.sum()) < 4 * error + 0.05 * p.sum()


def test_renamed_goods_change_their_name_on_their_day(default):
    goods = default.truth["goods"].filter(pl.col("renamed_on").is_not_null())
    assert goods.height > 5
    sold = default.sales.join(goods, on="stock_code").with_columns(
        is_late=pl.col("day") >= pl.col("renamed_on"),
        is_first=pl.col("description") == pl.col("name"),
        is_second=pl.col("description") == pl.col("later_name"),
    )
    assert sold.filter("is_late")["is_first"].sum() == 0
    assert sold.filter(~pl.col("is_late"))["is_second"].sum() == 0
    assert sold.filter("is_late")["is_second"].mean() > 0.97


def test_one_line_in_a_hundred_spells_its_good_otherwise(default):
    sold = default.sales.join(default.truth["goods"], on="stock_code")
    usual = (pl.col("description") == pl.col("name")) | (pl.col("description") == pl.col("later_name"))
    share = sold.select((~usual.fill_null(value=False)).mean()).item()
    assert abs(share - 0.01) < 5 * np.sqrt(0.01 / sold.height)


def test_the_truth_of_a_longer_shop_contains_that_of_the_shorter(new_shop):
    """Judging a longer shop must not move what was judged before."""
    short, long = (new_shop(customers=500, months=months).truth for months in (4, 6))
    assert long["shop"].row(0) == ("default", "1", pl.select(pl.date(2022, 1, 1)).item(), 6, 500)
    whole = ("files", "dirty", "days", "demand", "promotions", "stockouts", "anomalies", "buying", "returns")
    for name in whole:
        assert long[name].head(short[name].height).equals(short[name]), name
    for name in ("customers", "goods"):
        later = {"has_left", "delisted_on"}
        columns = [column for column in short[name].columns if column not in later]
        assert long[name].head(short[name].height).select(columns).equals(short[name].select(columns)), name


@pytest.mark.slow
def test_over_many_shops_sales_spread_around_their_expectation_as_they_should(new_shop):
    """The sum over all days, of twenty seeds: a bias of a per cent would show."""
    z = []
    for seed in range(20):
        trading = on_days(new_shop(seed=seed, **USUAL)).filter(pl.col("expected_orders") > 0)
        share = trading["expected_amount"] / trading["usual_amount"]
        variance = (trading["amount_deviation"] ** 2 * share).sum()
        z.append((trading["amount"] - trading["expected_amount"]).sum() / np.sqrt(variance))
    assert abs(np.mean(z)) < 4 / np.sqrt(20)
    assert 0.5 < np.std(z) < 1.6
