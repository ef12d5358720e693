"""Reviews of few topics, so few that a search of them takes seconds; the simulator's own are in test_simulated.py."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

from assets.computed import module_of
from assets.graph import SEEDS_DIR
from warehouse.plan import next_month
from warehouse.tables import TABLES

FUNCTION_WORDS = [
    "the", "and", "a", "of", "to", "it", "is", "in", "that", "i", "this", "for", "with", "was", "my", "on", "but", "have",
    "you", "not", "so", "as", "are", "be", "they", "at", "all", "if", "very", "just", "when", "had", "from", "or",
]  # fmt: skip
FIRST = date(2010, 1, 1)


@dataclass(frozen=True)
class Planted:
    """Reviews and the truth of them.

    Attributes:
        reviews: month, review_id, product_id, rating, title, text, topic (the one that each is mostly about).
        shares: Months x topics: how much of the words that tell something was drawn from each topic.
    """

    reviews: pl.DataFrame
    shares: np.ndarray[Any, np.dtype[np.float64]]


def words_of(rng: np.random.Generator, number: int) -> list[str]:
    """Made-up words that can be read."""
    heads, tails = list("bdfgklmnprstvz"), ["a", "e", "i", "o", "u", "ai", "ou"]
    found: dict[str, None] = {}
    while len(found) < number:
        size = int(rng.integers(2, 5))
        found["".join(str(rng.choice(heads)) + str(rng.choice(tails)) for _ in range(size)) + "n"] = None
    return list(found)


def planted(
    topics: int = 6, months: int = 12, each: int = 150, seed: int = 0, jump_in: int | None = 8
) -> Planted:
    """Draw reviews.

    Each is mostly about one topic: 70 % of the words that tell something are drawn from it, 10 % from another, the others
    from words that all topics use. The share of the first topic drifts from 10 % to 16 %; that of the last jumps by
    20 points in month `jump_in`.

    Args:
        topics: How many, of 120 words each.
        months: How many, from `FIRST` on.
        each: Reviews a month.
        seed: Of all that is drawn.
        jump_in: The first month of the jump; None for none.
    """
    rng = np.random.default_rng(seed)
    size, shared = 120, 200
    every = words_of(rng, topics * size + shared)
    falling = 1 / np.arange(4, size + 4)
    falling /= falling.sum()
    rows, truth = [], np.zeros((months, topics))
    for month in range(months):
        share = np.ones(topics)
        share[0] *= (0.10 + 0.06 * month / max(months - 1, 1)) * topics
        share /= share.sum()
        if jump_in is not None and month >= jump_in:
            share = share * 0.8
            share[-1] += 0.2
        for number in range(each):
            main = int(rng.choice(topics, p=share))
            other = int(rng.choice(topics, p=share))
            length = int(rng.integers(20, 60))
            kinds = rng.choice(4, length, p=[0.45, 0.385, 0.055, 0.11])
            said = [
                str(rng.choice(FUNCTION_WORDS)) if kind == 0
                else every[main * size + int(rng.choice(size, p=falling))] if kind == 1
                else every[other * size + int(rng.choice(size, p=falling))] if kind == 2
                else every[topics * size + int(rng.integers(shared))]
                for kind in kinds
            ]  # fmt: skip
            truth[month, main] += 0.875
            truth[month, other] += 0.125
            rows.append(
                {
                    "month": date(FIRST.year + month // 12, month % 12 + 1, 1),
                    "review_id": f"r{month:03}{number:05}",
                    "product_id": f"P{main}{number % 4}",
                    "rating": 2 if main == 1 else int(rng.integers(3, 6)),
                    "title": None,
                    "text": " ".join(said),
                    "topic": main,
                }
            )
    return Planted(pl.DataFrame(rows), truth / truth.sum(axis=1, keepdims=True))


@pytest.fixture(scope="session")
def plant() -> Callable[..., Planted]:
    """Draw reviews whose topics are known."""
    return planted


TABLES_OF_TOPICS = (
    "topics.words",
    "topics.learned",
    "topics.models",
    "topics.fits",
    "topics.terms",
    "topics.documents",
    "topics.topics",
    "topics.products",
    "topics.trend",
    "topics.map",
)
TABLES_OF_REVIEWS = (
    "core.reviews",
    "sentiment.lexicon",
    "sentiment.models",
    "sentiment.reviews",
    *TABLES_OF_TOPICS,
    "sentiment.mismatches",
    "sentiment.reviewers",
    "sentiment.topics",
    "sentiment.alerts",
    "sentiment.helpfulness",
)
SEEDS = ("english_words", "stop_words", "topics", "sentiment", "review_alerts")


def made_in_an_engine(
    source: str, given: pl.DataFrame, names: Sequence[str], month: date, threads: int, settings: str
) -> dict[str, pl.DataFrame]:
    """Make tables, in their order, as of a month, without a lake: a second for all of them."""
    end = next_month(month)
    found = {}
    with duckdb.connect() as engine:
        engine.execute(f"SET threads = {threads}")
        for table in TABLES.values():
            shape = ", ".join(f'"{name}" {kind}' for name, kind in table.shape.items())
            engine.execute(f"CREATE SCHEMA IF NOT EXISTS {table.schema}")
            engine.execute(f"CREATE TABLE {table.qualified} ({shape})")
        for seed in SEEDS:
            engine.execute(f"INSERT INTO seeds.{seed} BY NAME FROM '{SEEDS_DIR / f'{seed}.csv'}'")
        engine.execute(f"UPDATE seeds.topics SET most_topics = 8, mapped_reviews = 200, {settings}")
        engine.register("given", given)
        engine.execute(f"INSERT INTO {source} BY NAME FROM given")
        for name in names:
            table = TABLES[name]
            # What ratings taught serves the months after: it is asked for of all of them.
            is_monthly = table.partition_column == "month" or name == "sentiment.models"
            start = date(1990, 1, 1) if is_monthly else month
            bound = {key: at for key, at in (("start", start), ("end", end)) if f"${key}" in table.query}
            rows = engine.execute(table.query, bound).pl()
            module = module_of(table)
            if module is not None:
                months = sorted(set(given["month"])) if is_monthly else [month]
                rows = importlib.import_module(module).compute(rows, months)
            engine.register("made", rows)
            engine.execute(f"INSERT INTO {table.qualified} BY NAME FROM made")
            engine.unregister("made")
            found[name] = engine.execute(f"FROM {table.qualified} ORDER BY ALL").pl()
    return found


@pytest.fixture(scope="session")
def topics_of() -> Callable[..., dict[str, pl.DataFrame]]:
    """Make every table of topics of an as_of, of reviews as core.reviews has them; by its name within topics."""

    def made(
        reviews: pl.DataFrame, month: date, threads: int = 1, settings: str = "least_topics = 5"
    ) -> dict[str, pl.DataFrame]:
        given = reviews.select(
            "month", "review_id", "product_id", "rating", "title", "text", "is_english", copies=pl.lit(1)
        )
        found = made_in_an_engine("core.reviews", given, TABLES_OF_TOPICS, month, threads, settings)
        return {name.removeprefix("topics."): rows for name, rows in found.items()}

    return made


@pytest.fixture(scope="session")
def all_of() -> Callable[..., dict[str, pl.DataFrame]]:
    """Make every table that is made of reviews, of an as_of, of reviews as landing.reviews has them."""

    def made(
        landed: pl.DataFrame, month: date, threads: int = 1, schemas: Sequence[str] = ("topics", "sentiment")
    ) -> dict[str, pl.DataFrame]:
        names = [name for name in TABLES_OF_REVIEWS if name.split(".")[0] in {"core", *schemas}]
        return made_in_an_engine("landing.reviews", landed, names, month, threads, "least_topics = 5")

    return made
