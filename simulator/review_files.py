"""Reviews as the text of a CSV file, and as tables of the truth.

UTF-8, plain headers, a row a review in order of time. What goes wrong on the way into the file (the same row twice,
a row nobody can read, markup) is written here.
"""

from datetime import date

import numpy as np
import polars as pl

from simulator import goods as catalogue
from simulator import reviews
from simulator.exact import Integers
from simulator.goods import Goods
from simulator.parameters import Parameters
from simulator.reviews import CLEAN_ROW, DIRT, DUPLICATE, FIRST_ACCOUNT, HONEST, KINDS, Desk, MonthOfReviews
from simulator.words import Flags

# What the row of each kind of dirt has wrong: the column, and what stands there.
_WRONG = {
    "rating_0": ("rating", "0"),
    "rating_6": ("rating", "6"),
    "rating_between": ("rating", "4.5"),
    "rating_in_words": ("rating", "five"),
    "year_1970": ("reviewed_at", "1970-01-01 00:00:00"),
    "text_date": ("reviewed_at", "last week"),
    "empty_product": ("product_id", None),
    "unknown_verified": ("is_verified", "perhaps"),
}
_DIGITS = 6


def csv(desk: Desk, goods: Goods, made: MonthOfReviews) -> str:
    """The file of a month."""
    rows = pl.DataFrame(
        {
            "review_id": _ids(made),
            "customer_id": _customers(desk.parameters, made),
            "product_id": _codes(desk.parameters, goods).gather(made.written.good),
            "rating": pl.Series(made.rating).cast(pl.String),
            "title": pl.Series(made.texts.title, dtype=pl.String),
            "text": _texts(made),
            "reviewed_at": _moments(desk.first_day, made.written.minute).dt.to_string("%Y-%m-%d %H:%M:%S"),
            "helpful_votes": made.helpful,
            "total_votes": made.votes,
            "is_verified": pl.Series(made.is_verified).cast(pl.String),
        }
    )
    row, is_added = _with_followers(made.fate)
    fate = pl.Series("fate", np.where(is_added, made.fate[row], CLEAN_ROW))
    rows = rows[row].with_columns(fate)
    for kind, (column, wrong) in _WRONG.items():
        is_it = pl.col("fate") == DIRT.index(kind)
        rows = rows.with_columns(pl.when(is_it).then(pl.lit(wrong)).otherwise(column).alias(column))
    return rows.drop("fate").write_csv()


def truth(desk: Desk, goods: Goods, made: MonthOfReviews, file: str) -> dict[str, pl.DataFrame]:
    """What a month adds to the tables of the truth, by name."""
    written, month = made.written, made.month
    codes = _codes(desk.parameters, goods)
    row, is_added = _with_followers(made.fate)
    fate = np.where(is_added, made.fate[row], CLEAN_ROW)
    dirty = np.flatnonzero(fate >= 0)
    categories, topics = made.mix.shape
    names = [catalogue.category_name(kind) for kind in range(categories)]
    campaign = pl.Series(written.campaign)
    plan = made.campaigns
    return {
        "reviews": pl.DataFrame(
            {
                "review_id": _ids(made),
                "month": pl.repeat(month.first, len(written), dtype=pl.Date, eager=True),
                "customer_id": _customers(desk.parameters, made),
                "stock_code": codes.gather(written.good),
                "reviewed_at": _moments(desk.first_day, written.minute),
                "topic": pl.Series(topic_names(desk.parameters), dtype=pl.String).gather(made.topic),
                "opinion": np.round(made.opinion, _DIGITS),
                "rating": made.rating,
                "words": made.texts.words,
                "topic_words": pl.Series(made.texts.topic_words, dtype=pl.Array(pl.Int64, topics)).cast(
                    pl.List(pl.Int64)
                ),
                "kind": pl.Series(KINDS).gather(made.kind),
                "campaign": pl.select(pl.when(campaign != HONEST).then(campaign)).to_series(),
            }
        ),
        "review_files": pl.DataFrame(
            {
                "file": [file],
                "month": [month.first],
                "rows": [len(row)],
                "reviews": [len(written)],
                "duplicate_rows": [int((fate == DUPLICATE).sum())],
                "dirty_rows": [len(dirty)],
            }
        ),
        "review_dirty": pl.DataFrame(
            {
                "file": pl.Series([file] * len(dirty), dtype=pl.String),
                "row": dirty + 1,
                "kind": pl.Series(DIRT).gather(fate[dirty]),
            }
        ),
        "review_shares": pl.DataFrame(
            {
                "month": pl.repeat(month.first, categories * topics, dtype=pl.Date, eager=True),
                "category": np.repeat(names, topics),
                "topic": topic_names(desk.parameters) * categories,
                "share": np.round(made.mix.ravel(), _DIGITS),
                "opinion": np.round(np.tile(made.topic_opinion, categories), _DIGITS),
            }
        ),
        "review_goods": pl.DataFrame(
            {
                "month": pl.repeat(month.first, len(goods), dtype=pl.Date, eager=True),
                "stock_code": codes,
                "opinion": np.round(made.good_opinion, _DIGITS),
            }
        ),
        "review_campaigns": pl.DataFrame(
            {
                "campaign": plan.number,
                "stock_code": codes.gather(plan.good),
                "starts_at": _moments(desk.first_day, plan.starts),
                "reviews": plan.reviews,
                "rating": plan.stars,
                "is_burst": plan.is_burst,
                "is_copied": plan.is_copied,
            }
        ),
    }


def described(desk: Desk, goods: Goods) -> dict[str, pl.DataFrame]:
    """The tables of the truth that have no months: which words each topic has, and which goods turn sour."""
    tongue, topics = desk.tongue, topic_names(desk.parameters)
    ranks = np.arange(len(tongue.rank))
    topic = np.repeat(np.arange(len(topics)), len(ranks))
    chance = np.diff(tongue.rank, prepend=0.0)
    start = reviews.soured_from(desk.parameters, desk.seed, np.arange(len(goods)))
    soured = np.flatnonzero(start >= 0)
    firsts = pl.Series([desk.first_day] * len(soured), dtype=pl.Date)
    return {
        "review_words": pl.DataFrame(
            {
                "topic": pl.Series(topics).gather(topic),
                "word": pl.Series(tongue.words).gather(tongue.topic_word(topic, np.tile(ranks, len(topics)))),
                "probability": np.round(np.tile(chance, len(topics)), _DIGITS),
            }
        ),
        "review_soured": pl.DataFrame(
            {
                "stock_code": _codes(desk.parameters, goods).gather(soured),
                "month": firsts.dt.offset_by(pl.Series([f"{at}mo" for at in start[soured]], dtype=pl.String)),
                "by": np.full(len(soured), desk.parameters.writing.soured_by),
            }
        ),
    }


def topic_names(parameters: Parameters) -> list[str]:
    """Names of the topics, in order: those of every category, then that of each."""
    common = ["delivery", "price", "service", "packaging"]
    common += [f"common {number}" for number in range(len(common), parameters.writing.common_topics)]
    own = [catalogue.category_name(kind) for kind in range(parameters.categories)]
    return common[: parameters.writing.common_topics] + own


def _ids(made: MonthOfReviews) -> pl.Series:
    numbers = pl.Series(made.first + np.arange(len(made.written)), dtype=pl.Int64)
    return "R" + numbers.cast(pl.String).str.zfill(8)


def _customers(parameters: Parameters, made: MonthOfReviews) -> pl.Series:
    number = made.written.customer
    is_customer = number < FIRST_ACCOUNT
    return pl.Series(number + parameters.first_customer * is_customer, dtype=pl.Int64).cast(pl.String)


def _codes(parameters: Parameters, goods: Goods) -> pl.Series:
    return pl.Series(catalogue.stock_codes(parameters, np.arange(len(goods))), dtype=pl.String)


def _moments(first_day: date, minutes: Integers) -> pl.Series:
    start = np.datetime64(first_day, "m")
    return pl.Series((start + minutes.astype("timedelta64[m]")).astype("datetime64[us]"))


def _texts(made: MonthOfReviews) -> pl.Series:
    """The texts, as their kinds have them."""
    text = pl.col("text")
    praised = pl.when(pl.col("rating") > 3)
    by_kind = {
        "no_text": pl.lit(None, pl.String),
        "one_word": text.str.extract(r"^(\w+)", 1),
        "marked_up": "<p>"
        + text.str.replace(r"\. ", "!<br />")
        + "</p>&nbsp;&quot;"
        + pl.col("title")
        + "&#34;",
        "emoji": text + " " + praised.then(pl.lit("\U0001f60a")).otherwise(pl.lit("\U0001f621")),
    }
    rows = pl.DataFrame(
        {
            "text": pl.Series(made.texts.text, dtype=pl.String),
            "title": pl.Series(made.texts.title, dtype=pl.String),
            "rating": made.rating,
            "kind": pl.Series(KINDS).gather(made.kind),
        }
    )
    for kind, other in by_kind.items():
        rows = rows.with_columns(pl.when(pl.col("kind") == kind).then(other).otherwise("text").alias("text"))
    return rows["text"]


def _with_followers(fate: Integers) -> tuple[Integers, Flags]:
    """Rows in order, each followed by what its fate says; dirt is added, never put in a review's place."""
    times = 1 + (fate != CLEAN_ROW)
    is_added = np.zeros(int(times.sum()), dtype=np.bool_)
    is_added[np.cumsum(times)[times == 2] - 1] = True
    return np.repeat(np.arange(len(fate)), times), is_added
