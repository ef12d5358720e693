"""What Online Retail's customers bought in November 2011, by lists made of what was known before."""

from datetime import date

import polars as pl
import pytest

from assets.recommendations.backtest import judge
from assets.recommendations.history import history, references
from warehouse.tables import TABLES


@pytest.fixture
def rows(retail):
    found = retail.execute(TABLES["recommendations.backtest"].query, {"end": date(2012, 1, 1)})
    names = [column[0] for column in found.description]
    return pl.DataFrame(found.fetchall(), names, orient="row", infer_schema_length=None)


def judged(rows, month):
    origin = date(month.year, month.month - 1, 1)
    known = history(rows, origin, references(rows, [])[origin])
    bought = rows.filter(pl.col("month") == month, pl.col("customer_id").is_not_null(), pl.col("is_goods"))
    found = judge(known, bought).filter(pl.col("customers_of") == "all")
    return {(row["list"], row["candidate"]): row for row in found.iter_rows(named=True)}


def test_champions_of_october_beat_the_floors_in_november(rows):
    october, november = judged(rows, date(2011, 10, 1)), judged(rows, date(2011, 11, 1))
    recalls = {key: row["capped_recall_10"] for key, row in november.items()}
    # 1,336 and 1,242 with goods known before alone; here the others stay in the truth.
    assert [november[of, "popular"]["customers"] for of in ("all", "new")] == [1337, 1247]
    assert recalls["all", "own orders"] == pytest.approx(0.338, abs=0.001)
    assert recalls["new", "popular"] == pytest.approx(0.077, abs=0.001)
    assert recalls["all", "cosine"] == pytest.approx(0.189, abs=0.002)
    assert recalls["all", "bm25"] == pytest.approx(0.292, abs=0.003)
    for of, least in (("all", 0.345), ("new", 0.125)):
        _, chosen = max((row["capped_recall_10"], name) for (on, name), row in october.items() if on == of)
        champion = november[of, chosen]
        assert champion["capped_recall_10"] >= least
        assert champion["gain_low"] > 0
        assert champion["capped_recall_10"] < least + 0.05, "far above it, the future has leaked in"
