"""Rules of shops whose bundles are known. The thresholds are those shipped, the window the last twelve months."""

from datetime import date

import polars as pl
import pytest

LAST = date(2024, 3, 1)
SEEDS = [1, 2, 3]
MORE_SEEDS = list(range(4, 21))


def told(mined, lines, pairs, as_of):
    """The pairs that are told to be complements, each once, with what they are in truth."""
    rules = mined(lines, as_ofs=[as_of])["rules"]
    return (
        rules.filter(pl.col("association") == "complement", pl.col("level") == "product")
        .filter(pl.col("antecedent").list.len() == 1)
        .select(stock_code=pl.col("antecedent").list.first(), other_code="consequent")
        .filter(pl.col("stock_code") < pl.col("other_code"))
        .join(pairs, on=["stock_code", "other_code"], how="left")
    )


def _shares(mined, lines_of_shop, seeds):
    """Share of the judged bundles that were found, and of what is told that is false, over several shops."""
    found, bundles, false, rows = 0, 0, 0, 0
    for seed in seeds:
        lines, pairs = lines_of_shop("default", seed=seed)
        table = told(mined, lines, pairs, LAST)
        bundles += pairs.filter(pl.col("kind") == "bundle", pl.col("is_judged")).height
        found += table.filter(pl.col("kind") == "bundle", pl.col("is_judged")).height
        false += table.filter(pl.col("kind") == "false").height
        rows += table.filter(pl.col("kind").is_in(["bundle", "false"])).height
    return found / bundles, false / rows


@pytest.mark.slow
def test_bundles_are_found_and_hardly_anything_false_is_told(mined, lines_of_shop):
    """Affinity (goods of one category) is neither: customers who like a category buy its goods together."""
    found, false = _shares(mined, lines_of_shop, SEEDS)
    assert found >= 0.95
    assert false <= 0.05


@pytest.mark.slow
def test_bundles_are_found_in_many_shops(mined, lines_of_shop):
    found, false = _shares(mined, lines_of_shop, MORE_SEEDS)
    assert found >= 0.95
    assert false <= 0.05


@pytest.mark.parametrize("seed", [*SEEDS, *(pytest.param(at, marks=pytest.mark.slow) for at in MORE_SEEDS)])
def test_where_nothing_belongs_together_no_pair_across_categories_is_told(mined, lines_of_shop, seed):
    """The preset `null`: within a category customers' tastes associate goods, across them nothing does."""
    lines, pairs = lines_of_shop("null", seed=seed, customers=2000, months=14)
    table = told(mined, lines, pairs, date(2023, 2, 1))
    assert set(table["kind"].unique()) <= {"affinity"}
