"""Write a shop: a CSV of receipts a month for the landing folder, one of reviews if asked for, the truth as Parquet."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from simulator import goods, review_files, text, truth
from simulator.goods import Goods
from simulator.parameters import PRESETS, Parameters
from simulator.reviews import Desk
from simulator.shop import MonthOfShop, open_shop

_CORES = 2


@dataclass(frozen=True, slots=True)
class Written:
    """What was written.

    Attributes:
        files: The CSV files of receipts, in order of month.
        rows: Rows in them, headers not counted.
        truth: The Parquet files of the truth.
        reviews: The CSV files of reviews, in order of month; none if none were asked for.
    """

    files: tuple[Path, ...]
    rows: int
    truth: tuple[Path, ...]
    reviews: tuple[Path, ...] = ()


def write(
    home: Path,
    *,
    months: int = 27,
    customers: int = 5_000,
    seed: int = 1,
    first_month: date,
    preset: str = "default",
    reviews: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
) -> Written:
    """Simulate a shop and write its files to `home`/landing/orders and its truth to `home`/truth.

    Where reviews are asked for, they are written to `home`/landing/reviews; what else is written is the same with
    them and without.

    Where `home`/seeds has no categories.csv, the shop's own list of its goods' categories is written there.

    The CSV files are bit-exact: the same arguments give the same bytes on every machine with IEEE 754
    doubles, and the files of a longer shop begin with those of the shorter one. The truth is exact in
    what decides the files and equal to about nine digits elsewhere; its bytes depend on the Parquet
    writer's version. Files of the same names are replaced, each by a rename; others are left alone.

    Args:
        home: The shop's folder; made if it is not there.
        months: How many months to write.
        customers: How many customers the shop has known by the end of 27 months: a share is there from
            the first day, the others arrive at a rate that does not depend on `months`.
        seed: Which shop of its kind.
        first_month: The first day of the first month.
        preset: Which kind of shop: one of PRESETS.
        reviews: Share of the lines of known customers that they write a review of.
        progress: Called after each month with the months done and all months.

    Raises:
        ValueError: If an argument makes no shop.
    """
    parameters = _checked(months, customers, first_month, preset, reviews)
    landing, truths = home / "landing" / "orders", home / "truth"
    landing.mkdir(parents=True, exist_ok=True)
    truths.mkdir(parents=True, exist_ok=True)
    desk = Desk(parameters, seed, first_month, reviews) if reviews else None
    files: list[Path] = []
    rows = 0
    with (
        truth.Truth(truths, parameters, seed, first_month) as known,
        ThreadPoolExecutor(_CORES) as workers,
        ThreadPoolExecutor(1) as writer,
    ):
        known.describe(preset=preset, months=months, asked=customers)
        # The file of a month is written while the next month is made.
        writing: Future[None] | None = None
        for made in open_shop(
            parameters, seed=seed, first_month=first_month, months=months, asked=customers, workers=workers
        ):
            if writing is not None:
                writing.result()
                _report(progress, len(files), months)
            file = landing / f"till_{made.month.label}.csv"
            files.append(file)
            rows += len(made.receipts)
            writing = writer.submit(_write_month, file, parameters, first_month, made, known, desk)
        if writing is not None:
            writing.result()
            _report(progress, len(files), months)
        _list_categories(home / "seeds" / "categories.csv", parameters, made.goods)
        if desk is not None:
            known.keep(review_files.described(desk, made.goods))
        written = known.finish()
    of_reviews = tuple(_of_reviews(file) for file in files if desk is not None)
    return Written(tuple(files), rows, written, of_reviews)


def _report(progress: Callable[[int, int], None] | None, done: int, months: int) -> None:
    if progress is not None:
        progress(done, months)


def _list_categories(file: Path, parameters: Parameters, ware: Goods) -> None:
    """Write the category of each good as seeds.categories takes it, unless the shop has a list."""
    if file.exists():
        return
    codes = goods.stock_codes(parameters, np.arange(len(ware)))
    rows = (
        f"1,product_id,{code},{goods.category_name(kind)}"
        for code, kind in zip(codes, ware.category.tolist(), strict=True)
    )
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join(["rank,matches,pattern,category", *rows, ""]), encoding="utf-8")


def _write_month(
    file: Path,
    parameters: Parameters,
    first_month: date,
    made: MonthOfShop,
    known: truth.Truth,
    desk: Desk | None,
) -> None:
    _write(file, text.csv(parameters, first_month, made.goods, made.receipts))
    known.add(made, file.name)
    if desk is not None:
        other, written = _of_reviews(file), desk.of_month(made)
        _write(other, [review_files.csv(desk, made.goods, written).encode()])
        known.keep(review_files.truth(desk, made.goods, written, other.name))


def _of_reviews(file: Path) -> Path:
    """The file of reviews beside a file of receipts."""
    return file.parents[1] / "reviews" / file.name.replace("till", "reviews")


def _write(file: Path, pieces: Iterable[bytes]) -> None:
    file.parent.mkdir(exist_ok=True)
    hidden = file.with_name(f".{file.name}.part")
    with hidden.open("wb") as out:
        for piece in pieces:
            out.write(piece)
    hidden.replace(file)


def _checked(months: int, customers: int, first_month: date, preset: str, reviews: float) -> Parameters:
    if months < 1:
        raise ValueError(f"months is {months}, expected at least 1: ask for 27, the usual length")
    if customers < 1:
        raise ValueError(f"customers is {customers}, expected at least 1: ask for 5000, the usual number")
    if first_month.day != 1:
        raise ValueError(
            f"first_month is {first_month}, expected the first day of a month: "
            f"{first_month.replace(day=1)} would do"
        )
    if not 0 <= reviews <= 1:
        raise ValueError(f"reviews is {reviews}, expected a share from 0 to 1: 0.02 of the lines would do")
    if preset not in PRESETS:
        raise ValueError(
            f"preset is {preset!r}, expected one of {', '.join(PRESETS)}: default is the usual shop"
        )
    return PRESETS[preset]
