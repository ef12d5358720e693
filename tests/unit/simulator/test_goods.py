from dataclasses import replace
from datetime import date

import numpy as np

from simulator import bundles, days, goods
from simulator.parameters import PRESETS

DEFAULT = PRESETS["default"]
FIRST = date(2022, 1, 1)
MANY = replace(DEFAULT, goods=4000, launches_a_month=0, delistings_a_month=0)


def shelves(parameters, months, seed=1):
    """(month, goods, shelf) of each month, without launches."""
    ware = goods.first_goods(parameters, seed)
    cents, delisted = ware.base_cents, np.full(len(ware), goods.NEVER)
    for month in days.months(FIRST, months):
        shelf = goods.shelf(parameters, seed, FIRST, month, ware, cents, delisted)
        cents = shelf.closing_cents
        yield month, ware, shelf


def test_shares_of_a_category_follow_zipf_and_sum_to_one():
    ware = goods.first_goods(DEFAULT, 1)
    for category in range(DEFAULT.categories):
        share = ware.share[ware.category == category]
        assert abs(share.sum() - 1) < 1e-12
        assert np.allclose(share, share[0] * np.arange(1, len(share) + 1) ** -0.9)


def test_names_and_codes_are_unique_and_survive_launches():
    ware = goods.first_goods(DEFAULT, 1)
    longer = ware
    for month in days.months(FIRST, 60):
        longer = longer.and_then(goods.launches(DEFAULT, 1, month))
    names = goods.names(longer.category, 0) + goods.names(longer.category, 1)
    assert len(set(names)) == len(names) == 2 * (300 + 120)
    assert names[:300] == goods.names(ware.category, 0)
    codes = goods.stock_codes(DEFAULT, np.arange(80_000))
    assert len(set(codes)) == 80_000
    assert {len(code) for code in codes} == {5}


def test_elasticities_vary_by_category_and_good_within_their_bounds():
    ware = goods.first_goods(MANY, 1)
    assert ware.elasticity.min() >= -4
    assert ware.elasticity.max() <= -0.2
    within = ware.elasticity.copy()
    for category in range(8):
        within[ware.category == category] -= ware.elasticity[ware.category == category].mean()
    assert abs(within.std() - 0.4) < 0.03


def test_costs_leave_a_margin_of_35_to_55_per_cent():
    ware = goods.first_goods(MANY, 1)
    ratio = ware.cost_cents / ware.base_cents
    dear = ware.base_cents > 200
    assert 0.445 < ratio[dear].min() < 0.47
    assert 0.63 < ratio[dear].max() < 0.655


def test_lead_times_have_a_mean_of_ten_days():
    lead = goods.first_goods(MANY, 1).lead_days
    assert abs(lead.mean() - 10) < 5 * lead.std() / np.sqrt(len(lead))


def test_promotions_run_7_to_14_days_in_a_fifth_of_product_months():
    begun, lengths, depths = 0, [], []
    for _, _, shelf in shelves(MANY, 3):
        length = shelf.is_promoted.sum(axis=0)
        begun += (length > 0).sum()
        lengths += length[length > 0].tolist()
        depths += shelf.depth[length > 0].tolist()
    assert abs(begun - 0.2 * 12_000) < 5 * np.sqrt(12_000 * 0.2 * 0.8)
    assert set(lengths) == set(range(7, 15))
    assert 0.1 < min(depths) < max(depths) < 0.3


def test_list_prices_step_three_times_a_year_by_3_to_8_per_cent():
    before, steps, sizes = None, 0, []
    for _, ware, shelf in shelves(MANY, 12):
        opening = ware.base_cents if before is None else before
        dear = (opening != shelf.closing_cents) & (opening > 1000)
        steps += (opening != shelf.closing_cents).sum()
        sizes += np.abs(shelf.closing_cents[dear] / opening[dear] - 1).tolist()
        before = shelf.closing_cents
    # Prices of a few cents may step by less than one.
    assert abs(steps / 4000 - 3) < 0.1
    assert 0.029 < min(sizes) < max(sizes) < 0.081


def test_prices_join_from_month_to_month():
    """A price that jumps at midnight of the first without a step would be a step nobody drew."""
    before = None
    for _, _, shelf in shelves(DEFAULT, 6):
        if before is not None:
            unstepped = ~shelf.is_promoted[0]
            assert np.mean(shelf.cents[0][unstepped] == before[unstepped]) > 0.97
        before = shelf.closing_cents


def test_stockouts_last_2_to_7_days_in_3_per_cent_of_product_weeks():
    month = replace(days.months(FIRST, 1)[0], stop=70)
    is_out = goods.out_of_stock(MANY, 1, month, np.arange(4000)).reshape(10, 7, 4000).sum(axis=1)
    assert abs((is_out > 0).sum() - 0.03 * 40_000) < 5 * np.sqrt(40_000 * 0.03)
    assert set(is_out[is_out > 0].tolist()) == set(range(2, 8))


def test_a_stockout_continues_over_the_end_of_the_month():
    january, february = days.months(FIRST, 2)
    whole = replace(january, stop=february.stop)
    numbers = np.arange(4000)
    joined = np.vstack([goods.out_of_stock(MANY, 1, month, numbers) for month in (january, february)])
    assert np.array_equal(joined, goods.out_of_stock(MANY, 1, whole, numbers))


def test_weights_respond_to_price_with_the_elasticity_of_the_good():
    _, ware, shelf = next(shelves(MANY, 1))
    promoted = shelf.is_promoted.any(axis=0) & ~shelf.is_promoted.all(axis=0) & (ware.base_cents > 500)
    for good in np.flatnonzero(promoted)[:50]:
        on, off = shelf.is_promoted[:, good].argmax(), shelf.is_promoted[:, good].argmin()
        season = goods._season(MANY, 1, FIRST, days.months(FIRST, 1)[0], ware.category)[[on, off], good]
        change = np.log(shelf.usual_weight[on, good] / season[0]) - np.log(
            shelf.usual_weight[off, good] / season[1]
        )
        price = np.log(shelf.cents[on, good] / shelf.cents[off, good])
        assert abs(change / price - ware.elasticity[good]) < 1e-6


def test_what_is_out_of_stock_or_off_sale_has_no_weight():
    ware = goods.first_goods(DEFAULT, 1)
    month = days.months(FIRST, 1)[0]
    delisted = np.full(300, goods.NEVER)
    delisted[7] = 10
    shelf = goods.shelf(DEFAULT, 1, FIRST, month, ware, ware.base_cents, delisted)
    assert (shelf.weight[shelf.is_out] == 0).all()
    assert (shelf.usual_weight[shelf.is_out] > 0).all()
    assert (shelf.usual_weight[10:, 7] == 0).all()
    assert (shelf.usual_weight[:10, 7] > 0).all()


def test_goods_in_bundles_and_those_launched_this_month_are_never_delisted():
    ware = goods.first_goods(DEFAULT, 1)
    lasting = bundles.draw(DEFAULT, 1, ware).goods
    delisted = np.full(300, goods.NEVER)
    count = 0
    for month in days.months(FIRST, 100):
        delisted = np.concatenate([delisted, np.full(2, goods.NEVER)])
        after = goods.delisting(DEFAULT, 1, month, lasting, delisted)
        gone = np.flatnonzero(after != delisted)
        assert not np.isin(gone, lasting).any()
        assert (gone < len(delisted) - 2).all()
        assert ((after[gone] >= month.start) & (after[gone] < month.stop)).all()
        count += len(gone)
        delisted = after
    assert 30 <= count <= 70
