import hashlib
import subprocess
import sys
from datetime import date

import polars as pl
import pytest

import simulator

FIRST = date(2022, 10, 1)
ON_RECORD = {
    "default": "8c37fbbad9175535a0ee1c1b12a7a11fb96c05a62928b563d40b7d71ae5fde91",
    "easy": "937b91a59ad4fc69dc1799ebd02fa7b7c27e61d838a26cef8cb75b5505134c87",
    "null": "0b605195e3e17af62bd30df4f07405f23045143f527b71090c1c982f76c52a7f",
    "endogenous": "58f0a5eb985bfda0755a5eef76c0dc03283e8bbbfc573882bc2846ff61703abd",
    "bgnbd": "458bdf23be29bd330ef8c83aa9c870efcde4835754a39d6939b3ef8793a120f6",
}


def shop(home, months=3, customers=300, **options):
    return simulator.write(home, months=months, customers=customers, first_month=FIRST, **options)


def contents(home):
    return {file.name: file.read_bytes() for file in sorted((home / "landing" / "orders").iterdir())}


def read(files):
    return pl.concat(pl.read_csv(file.read_text("latin-1").encode(), infer_schema=False) for file in files)


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    shop(tmp_path / "once")
    shop(tmp_path / "again")
    assert contents(tmp_path / "once") == contents(tmp_path / "again")


def test_another_seed_is_another_shop(tmp_path):
    shop(tmp_path / "one", seed=1)
    shop(tmp_path / "two", seed=2)
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert all(one[name] != two[name] for name in one)


@pytest.mark.parametrize("preset", simulator.PRESETS)
def test_more_months_extend_the_past_and_never_change_it(tmp_path, preset):
    """A shop made longer would otherwise make every month stale."""
    shop(tmp_path / "short", months=3, preset=preset)
    shop(tmp_path / "long", months=5, preset=preset)
    short, long = contents(tmp_path / "short"), contents(tmp_path / "long")
    assert len(long) == 5
    assert all(long[name] == text for name, text in short.items())


def test_the_truth_counts_the_dirty_rows_that_are_in_the_files(tmp_path):
    written = shop(tmp_path, months=4, customers=2000)
    dirty = pl.read_parquet(tmp_path / "truth" / "dirty.parquet")
    lines = {file.name: file.read_text("latin-1").splitlines() for file in written.files}
    marks = {
        "impossible_date": ",2/30/",
        "text_date": ",yesterday,",
        "text_quantity": ",a dozen,",
        "text_price": ",ask Mary,",
        "future_date": "/2999 ",
    }
    for kind, mark in marks.items():
        listed = set(dirty.filter(pl.col("kind") == kind).select("file", "row").iter_rows())
        found = {(name, row) for name, text in lines.items() for row, line in enumerate(text) if mark in line}
        assert found == listed
        assert listed
    for name, row in dirty.filter(pl.col("kind") == "empty_invoice").select("file", "row").iter_rows():
        assert lines[name][row].startswith(",")
    for name, row in dirty.filter(pl.col("kind") == "empty_code").select("file", "row").iter_rows():
        assert lines[name][row].split(",")[1] == ""


def test_the_shop_lists_the_true_category_of_each_good_unless_it_has_a_list(tmp_path):
    shop(tmp_path, months=4)
    listed = pl.read_csv(tmp_path / "seeds" / "categories.csv", infer_schema=False)
    known = pl.read_parquet(tmp_path / "truth" / "goods.parquet")
    assert dict(listed.select("pattern", "category").iter_rows()) == dict(
        known.select("stock_code", "category").iter_rows()
    )
    assert set(listed.select("rank", "matches").iter_rows()) == {("1", "product_id")}
    (tmp_path / "seeds" / "categories.csv").write_text("mine")
    shop(tmp_path, months=4)
    assert (tmp_path / "seeds" / "categories.csv").read_text() == "mine"


def test_returns_are_negative_and_nothing_else_is(tmp_path):
    written = shop(tmp_path, months=4, customers=1000)
    rows = read(written.files)
    quantity = pl.col("Quantity").cast(pl.Int64, strict=False)
    returned = pl.col("InvoiceNo").str.starts_with("C")
    assert rows.filter(returned).height > 0
    assert rows.filter(returned & (quantity >= 0)).is_empty()
    assert rows.filter(~returned & (quantity <= 0)).is_empty()
    assert rows.filter(~pl.col("InvoiceNo").str.contains(r"^C?\d{6}$").fill_null(value=True)).is_empty()


@pytest.mark.parametrize(("preset", "digest"), ON_RECORD.items())
def test_the_bytes_are_those_on_record(tmp_path, preset, digest):
    """On every machine and version: whoever changes a shop changes every figure that was measured on it."""
    written = shop(tmp_path, months=2, customers=150, preset=preset)
    assert hashlib.sha256(b"".join(file.read_bytes() for file in written.files)).hexdigest() == digest


def test_progress_is_told_after_every_month(tmp_path):
    told = []
    shop(tmp_path, months=3, progress=lambda done, months: told.append((done, months)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_nothing_half_written_is_left(tmp_path):
    written = shop(tmp_path)
    hidden = [path for path in tmp_path.rglob("*") if path.name.startswith(".")]
    assert hidden == []
    assert sorted(contents(tmp_path)) == [file.name for file in written.files]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"months": 0}, "months is 0, expected at least 1"),
        ({"customers": 0}, "customers is 0, expected at least 1"),
        ({"preset": "hard"}, "preset is 'hard', expected one of default, easy, null, endogenous, bgnbd"),
        ({"first_month": date(2022, 10, 3)}, "first_month is 2022-10-03, .*: 2022-10-01 would do"),
    ],
)
def test_arguments_that_make_no_shop_are_refused_in_one_sentence(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        simulator.write(tmp_path, **{"first_month": FIRST, **options})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_memory_is_that_of_a_month_and_not_of_the_shop(tmp_path):
    """A hundred million lines are to be made on a small machine."""
    script = (
        "import resource, sys, datetime, pathlib, simulator;"
        "simulator.write(pathlib.Path(sys.argv[1]), months=int(sys.argv[2]), customers=60_000,"
        " first_month=datetime.date(2022, 1, 1), preset='null');"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )

    def peak(months):
        folder = str(tmp_path / str(months))
        done = subprocess.run(
            [sys.executable, "-c", script, folder, str(months)], capture_output=True, check=True, text=True
        )
        return int(done.stdout)

    # The longer shop's busiest month has twice the lines, and all its months six times as many.
    assert peak(24) < 1.5 * peak(6)
