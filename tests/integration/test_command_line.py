import csv
import io
import json
import re
import shlex
import socket
import tomllib
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from pipelines.instance import open_instance
from pipelines.settings import load, strange_variables
from warehouse.lake import open_lake, snapshot

# The first tables: a test that looks at these alone need not make thirty.
WALK = ("--select", "+key:segments/rfm or key:landing/files")
# Of taking in alone.
FILES = ("--select", "key:landing/files")
MONTHS = [date(2011, month, 1) for month in (1, 2, 3, 4)]
OUTSIDE = r"Nothing to do in what was asked for; outside of it wait \d\d tables: `tillage run` alone sees to all\.\n"
NEW_FILES = (
    "Nothing to do in what was asked for; outside of it wait 2 new files: `tillage run` alone sees to all. "
    "Refused: 1 file. `tillage status` names them, with the reasons.\n"
)
GIANT = "999999,10001,A SLIP OF THE HAND,99999999,2/3/2011 10:00,9.99,,United Kingdom\n"


def drop(home, name, text):
    (home / "landing" / "orders" / name).write_text(text, encoding="latin-1")


def drop_months(home, shop, months):
    for month in months:
        drop(home, f"till_{month:%Y-%m}.csv", shop[month])


@pytest.fixture
def four_months(home, tillage, small_shop, filled):
    """A home of which four months are made."""

    def run():
        drop_months(home, small_shop, MONTHS)
        return tillage("run", *WALK)

    assert filled("four months", run).code == 0


def made(home, asset, after=0):
    """The months of an asset that were materialized after so many events, in order."""
    with open_instance(load(home)) as instance:
        records = instance.fetch_materializations(dg.AssetKey(asset.split(".")), limit=1000).records
    return sorted(record.partition_key for record in records if record.storage_id > after)


def newest_event(home):
    with open_instance(load(home)) as instance:
        return instance.event_log_storage.get_maximum_record_id() or 0


def runs(home):
    with open_instance(load(home)) as instance:
        return instance.get_runs_count()


def at_snapshot(home):
    with open_lake(home / "lake", read_only=True) as lake:
        return snapshot(lake)


def counted(tillage, sql):
    said = tillage("query", "--format", "csv", sql)
    assert said.code == 0, said.err
    return list(csv.reader(io.StringIO(said.out)))[1:]


def test_from_files_to_segments_and_nothing_twice(home, tillage, small_shop):
    """The second run must find nothing to do: no run, no event, no snapshot."""
    drop_months(home, small_shop, MONTHS[:3])
    first = tillage("run", *WALK)
    assert first.code == 0, first.err
    for name in ("core.order_lines", "core.customer_months", "core.sales_days", "segments.rfm"):
        assert name in first.out
    assert made(home, "segments.rfm") == ["2011-01-01", "2011-02-01", "2011-03-01"]
    assert counted(tillage, "SELECT count(DISTINCT as_of) FROM segments.rfm") == [["3"]]
    before = runs(home), newest_event(home), at_snapshot(home)
    again = tillage("run", *WALK)
    assert again.code == 0
    assert re.fullmatch(OUTSIDE, again.out), again.out
    assert (runs(home), newest_event(home), at_snapshot(home)) == before

    # One more month: only that month, and what follows from it.
    drop_months(home, small_shop, MONTHS[3:])
    assert tillage("run", *WALK).code == 0
    for name in (
        "landing.orders",
        "core.order_lines",
        "core.customer_months",
        "core.sales_days",
        "segments.rfm",
    ):
        assert made(home, name, after=before[1]) == ["2011-04-01"], name


@pytest.mark.usefixtures("unjudged", "four_months")
def test_a_late_correction_makes_its_month_and_the_as_of_months_that_see_it(home, tillage, small_shop):
    before = newest_event(home)
    lines = small_shop[MONTHS[1]].splitlines(keepends=True)
    sale = next(at for at, line in enumerate(lines[1:], 1) if not line.startswith("C") and line.split(",")[6])
    drop(home, "till_2011-02.csv", "".join([*lines[:sale], *lines[sale + 1 :]]))
    assert tillage("run", *WALK).code == 0
    assert made(home, "core.order_lines", before) == ["2011-02-01"]
    assert made(home, "core.customer_months", before) == ["2011-02-01"]
    assert made(home, "segments.rfm", before) == ["2011-02-01", "2011-03-01", "2011-04-01"]


@pytest.mark.usefixtures("unjudged", "four_months")
def test_equal_rows_stop_a_change(home, tillage, small_shop):
    """A corrected description rebuilds its month of order_lines and nothing after customer_months."""
    before = newest_event(home)
    rows = list(csv.reader(io.StringIO(small_shop[MONTHS[1]])))
    text = io.StringIO(newline="")
    csv.writer(text).writerows([rows[0], [*rows[1][:2], "A BETTER NAME", *rows[1][3:]], *rows[2:]])
    drop(home, "till_2011-02.csv", text.getvalue())
    assert tillage("run", *WALK).code == 0
    assert made(home, "core.order_lines", before) == ["2011-02-01"]
    assert made(home, "core.customer_months", before) == ["2011-02-01"]
    assert made(home, "segments.rfm", before) == []


def test_a_refused_month_keeps_its_rows_and_holds_back_nothing_else(home, tillage, small_shop):
    """A slip of the hand in February must not reach the figures, nor keep April from being made."""
    drop_months(home, small_shop, MONTHS[:3])
    assert tillage("run", *WALK).code == 0
    february = "SELECT count(*), sum(amount) FROM core.order_lines WHERE month = DATE '2011-02-01'"
    rows = counted(tillage, february)
    drop(home, "till_2011-02.csv", small_shop[MONTHS[1]] + GIANT)
    drop_months(home, small_shop, MONTHS[3:])
    said = tillage("run", *WALK)
    assert said.code == 1
    assert "core.order_lines: refused by amount_is_plausible (1 row): 2011-02." in said.err
    assert counted(tillage, february) == rows
    assert counted(tillage, "SELECT count(DISTINCT as_of) FROM segments.rfm") == [["4"]]
    assert "refused 2011-02: amount_is_plausible" in tillage("status").out
    again = tillage("run", *WALK)
    assert again.code == 0
    assert re.match(OUTSIDE.removesuffix(r"\n"), again.out), again.out
    assert again.out.endswith(" Refused: 1 month. `tillage status` names them, with the reasons.\n"), (
        again.out
    )
    forced = tillage(
        "run", "--force", "--select", "key:core/order_lines", "--from", "2011-02", "--to", "2011-02"
    )
    assert forced.code == 1
    assert "every month" not in forced.err or "amount_is_plausible" in forced.err

    drop(home, "till_2011-02.csv", small_shop[MONTHS[1]])
    assert tillage("run", *WALK).code == 0
    assert "refused" not in tillage("status").out.replace("0 refused", "")
    assert counted(tillage, february) == rows


def test_a_step_fails_whose_every_month_is_refused(home, tillage, small_shop):
    drop(home, "till.csv", small_shop[MONTHS[1]] + GIANT)
    said = tillage("run", *WALK)
    assert said.code == 1
    assert "amount_is_plausible" in said.err
    with open_instance(load(home)) as instance:
        newest = instance.get_run_records(limit=1)[0].dagster_run
    assert newest.status is dg.DagsterRunStatus.FAILURE


@pytest.mark.usefixtures("unjudged")
def test_a_refused_file_is_told_and_ends_the_run_with_1(home, tillage, small_shop):
    drop_months(home, small_shop, MONTHS[:1])
    drop(home, "other.csv", "a,b\n1,2\n")
    said = tillage("run", *WALK)
    assert said.code == 1
    assert "orders/other.csv was refused" in said.err
    assert (
        "no column stands for invoice_id, product_id, quantity, sold_at, unit_price. Found: a, b." in said.err
    )
    for again in (tillage("run", *WALK), tillage("run", "--dry-run", *WALK)):
        assert again.code == 0
        assert again.out.endswith("Refused: 1 file. `tillage status` names them, with the reasons.\n")
    assert counted(tillage, "SELECT count(*) > 0 FROM core.order_lines") == [["True"]]


@pytest.mark.usefixtures("unjudged")
def test_quarantined_rows_alone_end_the_run_with_0(home, tillage, small_shop):
    drop(
        home, "till.csv", small_shop[MONTHS[0]] + "536000,10001,X,many,1/3/2011 10:00,1.00,,United Kingdom\n"
    )
    said = tillage("run", *FILES)
    assert said.code == 0
    assert "in quarantine" in said.out
    reasons = counted(tillage, "SELECT unnest(reasons) FROM landing.quarantine WHERE raw LIKE '%many%'")
    assert reasons == [['quantity: a whole number was expected, found "many"']]


def test_files_that_contradict_each_other_are_said(home, tillage, small_shop):
    """Sales that stand in two files in two ways count twice: whoever answers for the figure must hear of it."""
    header, first, *_ = small_shop[MONTHS[0]].splitlines(keepends=True)
    invoice, product = first.split(",")[:2]
    drop(home, "till.csv", small_shop[MONTHS[0]])
    drop(home, "again.csv", header + first.replace("United Kingdom", "Utopia"))
    said = tillage("run", *FILES)
    assert said.code == 0
    told = (
        f"invoice {invoice} of 2011-01: orders/again.csv, orders/till.csv hold different lines of {product}"
    )
    assert told in said.out
    assert told in tillage("status").out
    with open_instance(load(home)) as instance:
        check = dg.AssetCheckKey(dg.AssetKey(["landing", "files"]), "files_agree_on_invoices")
        [record] = instance.event_log_storage.get_asset_check_execution_history(check, limit=1)
    result = record.event.asset_check_evaluation
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert result.metadata["sample"].value[0]["invoice_id"] == invoice


@pytest.mark.usefixtures("unjudged")
def test_what_nothing_reads_is_said_and_refuses_nothing(home, tillage, small_shop, monkeypatch):
    """A seed that is misspelt, a file a folder too high: its owner thinks that it counts."""
    drop_months(home, small_shop, MONTHS[:1])
    drop(home, "empty.csv", small_shop[MONTHS[0]].splitlines(keepends=True)[0])
    drop(home, "prices.pdf", "%PDF")
    (home / "landing" / "orders" / "x.csv").mkdir()
    (home / "landing" / "late.csv").write_text("a")
    (home / "seeds").mkdir()
    (home / "seeds" / "evnts.csv").write_text("day,event\n")
    monkeypatch.setenv("TILLAGE_THRAEDS", "1")
    monkeypatch.setenv("TILLAGE_SERVICE_HOST", "10.0.0.1")  # of Kubernetes
    kinds = "its name ends in none of .csv, .tsv, .txt, .parquet, .xlsx"
    told = [
        "landing/late.csv is passed over: files are taken in from orders/ or reviews/, each of a kind of rows; move it there",
        f"landing/orders/prices.pdf is passed over: {kinds} (text and JSON also packed, .gz or .zst)",
        "landing/orders/x.csv is passed over: it is a folder with the name of a file",
        "seeds/evnts.csv is passed over: no seed is called so; is events.csv meant?",
    ]
    for said in (tillage("run", *FILES), tillage("run", *FILES), tillage("status")):
        assert said.code == 0
        assert [line for line in said.out.splitlines() if "is passed over" in line] == told
        assert [line for line in said.err.splitlines() if line.startswith("TILLAGE_")] == [
            "TILLAGE_THRAEDS of the environment is passed over: there is no such setting, the nearest is TILLAGE_THREADS"
        ]
    remarks = counted(tillage, "SELECT state, remark FROM landing.files WHERE path = 'orders/empty.csv'")
    assert remarks == [["accepted", "it holds no row under its header"]]


def test_a_file_without_rows_is_said_to_hold_none(home, tillage, small_shop):
    drop(home, "empty.csv", small_shop[MONTHS[0]].splitlines(keepends=True)[0])
    said = tillage("run", *FILES)
    assert said.code == 0
    assert "1 file, 0 rows read, 0 of them in quarantine" in said.out
    for told in (said, tillage("status")):
        assert "orders/empty.csv: it holds no row under its header" in told.out.splitlines()


def test_an_empty_home_in_the_environment_is_none(environment, tmp_path, monkeypatch):
    """It was the folder one stood in, with the settings of another."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TILLAGE_HOME", "")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "tillage.toml").write_text('timezone = "Asia/Tokyo"')
    settings = load()
    assert (settings.root, settings.timezone) == (tmp_path / "data", "Asia/Tokyo")
    assert strange_variables() == [
        "TILLAGE_HOME is set in the environment, but empty: it is taken for not set, and the home is ./data"
    ]


def test_the_version_is_told(tillage):
    version = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["version"]
    said = tillage("--version")
    assert (said.code, said.out) == (0, f"tillage {version}\n")


def test_dry_run_tells_the_plan_with_its_reasons_and_makes_nothing(home, tillage, small_shop):
    drop_months(home, small_shop, MONTHS[:2])
    said = tillage("run", "--dry-run")
    assert "take in orders/till_2011-01.csv" in said.out
    assert tillage("run", *WALK).code == 0
    assert re.fullmatch(OUTSIDE, tillage("run", "--dry-run", *WALK).out)
    (home / "seeds").mkdir()
    (home / "seeds" / "not_goods.csv").write_text("pattern,meaning\nPOST,carriage\n", encoding="utf-8")
    before = newest_event(home)
    said = tillage("run", "--dry-run")
    assert "seeds.not_goods: all: its code changed" in said.out
    assert "core.order_lines: 2011-01 to 2011-02: follows if seeds.not_goods changes" in said.out
    assert newest_event(home) == before
    assert tillage("run", *WALK).code == 0
    assert made(home, "core.order_lines", before) == ["2011-01-01", "2011-02-01"]


def test_who_only_looks_at_a_new_home_makes_nothing_in_it(tillage, small_shop, tmp_path):
    """A name that was misspelt would be a home ever after."""
    home = tmp_path / "new"
    for select in ((), ("--select", "key:segments/rfm")):
        said = tillage("run", "--dry-run", *select, at=home)
        assert said.code == 0
        assert ("seeds.not_goods: all: never made" if select == () else "orders is empty") in said.out
    assert "no file has brought any" in tillage("report", at=home).err
    assert not home.exists()
    (home / "landing" / "orders").mkdir(parents=True)
    drop_months(home, small_shop, MONTHS[:1])
    assert "take in orders/till_2011-01.csv\n" in tillage("run", "--dry-run", at=home).out
    said = tillage("run", "--dry-run", "--select", "key:segments/rfm", at=home)
    assert "outside of it wait 1 new file and " in said.out
    assert [path.name for path in home.iterdir()] == ["landing"]


@pytest.mark.usefixtures("unjudged")
def test_status_tells_what_is_provisional_and_how_to_make_it(home, tillage, small_shop):
    """No plan asks for it: without the command nobody would know what ends it."""
    drop_months(home, small_shop, MONTHS[:2])
    chain = "key:segments/cluster_quality"
    assert tillage("run", "--select", f"+{chain} or key:landing/files").code == 0
    assert "provisional" not in tillage("status").out
    (home / "seeds").mkdir()
    own = "least_order_days,most_clusters,is_dbscan_tried\n4,10,false\n"
    (home / "seeds" / "clustering.csv").write_text(own, encoding="utf-8")
    before = newest_event(home)
    assert tillage("run", "--select", f"+{chain} or key:landing/files").code == 0
    assert made(home, "segments.cluster_quality", before) == ["2011-02-01"]
    said = tillage("status").out
    assert re.search(r"segments.cluster_quality .* provisional 2011-01", said)
    command = re.search(r"tillage (run --select .*)", said)[1]
    assert command == f'run --select "{chain}" --force --from 2011-01'
    assert tillage(*shlex.split(command)).code == 0
    assert "provisional" not in tillage("status").out
    why = counted(tillage, "SELECT DISTINCT regexp_extract(why, 'on . days') FROM segments.cluster_quality")
    assert why == [["on 4 days"]]


@pytest.mark.usefixtures("unjudged")
def test_a_range_and_a_selection_limit_what_is_made(home, tillage, small_shop):
    drop_months(home, small_shop, MONTHS)
    assert tillage("run", *WALK, "--to", "2011-02").code == 0
    assert made(home, "core.order_lines") == ["2011-01-01", "2011-02-01"]
    assert tillage("run", *WALK).code == 0
    before = newest_event(home)
    said = tillage(
        "run", "--force", "--select", "key:core/sales_days", "--from", "2011-02", "--to", "2011-03"
    )
    assert said.code == 0
    assert made(home, "core.sales_days", before) == ["2011-02-01", "2011-03-01"]
    assert made(home, "core.order_lines", before) == []


ERRORS = [
    (("run", "--from", "March"), "'March' is no month; months are written as 2011-03."),
    (("run", "--select", "key:nothing"), "selects nothing. The assets are churn/backtest"),
    (("run", "--select", "((("), "is not an asset selection of Dagster"),
    (("query", "DROP TABLE core.order_lines"), "Only a single SELECT is run here"),
    (("query", "SELECT 1; SELECT 2"), "Only a single SELECT is run here"),
    (("query", "SELECT * FROM no_such_table"), "no_such_table does not exist"),
    (("query", "SELECT * FROM read_csv('/etc/passwd')"), "Permission Error"),
    (("query", "--as-of", "999999", "SELECT 1"), "The lake has no snapshot 999999"),
    (("query", "--as-of", "-1", "SELECT 1"), "The lake has no snapshot -1 (or keeps it no longer)."),
    (("query", f"--as-of={10**23}", "SELECT 1"), f"The lake has no snapshot {10**23}"),
    (
        ("run", "--from", "2026-05", "--to", "2026-01"),
        "There is no month from 2026-05 to 2026-01: --from is the first month and --to the last. Write them the",
    ),
    (("sample", "--months", "0"), "No sample shop was written"),
]


def test_errors_are_one_paragraph(home, tillage, small_shop):
    drop_months(home, small_shop, MONTHS[:1])
    assert tillage("run", *FILES).code == 0
    found = [(tillage(*arguments), told) for arguments, told in ERRORS]
    assert [said for said, told in found if said.code != 1 or told not in said.err] == []
    assert [said for said, _ in found if "Traceback" in said.err] == []


def test_a_missing_warehouse_says_how_to_make_one(tillage, tmp_path):
    for command in (["status"], ["query", "SELECT 1"]):
        said = tillage(*command, at=tmp_path / "none")
        assert said.code == 1
        assert "tillage run" in said.err


@pytest.mark.usefixtures("unjudged")
def test_nothing_to_do_is_said_of_what_was_asked_for(home, tillage, small_shop):
    """Whoever reads that everything is current looks no further."""
    only = ("run", "--select", "group:seeds or key:landing/files")
    drop(home, "other.csv", "a,b\n1,2\n")
    assert tillage(*only).code == 1
    assert tillage("run").out == (
        "Nothing to do: no new file, and everything is current but what stands refused: 1 file. "
        "`tillage status` names them, with the reasons.\n"
    )
    (home / "landing" / "orders" / "other.csv").unlink()
    drop_months(home, small_shop, MONTHS[:2])
    left_out = tillage("run", "--select", "key:segments/rfm")
    assert (left_out.code, left_out.out) == (
        0,
        NEW_FILES,
    )
    assert tillage("run", *WALK).code == 0
    beyond = tillage("run", "--force", "--select", "key:segments/rfm", "--from", "2031-01")
    assert beyond.out.startswith(
        "Nothing to do: files brought 2011-01 to 2011-02, and no month of that was asked for. Refused: 1 file."
    )


@pytest.mark.usefixtures("unjudged")
def test_a_home_of_reviews_alone_is_not_told_that_it_is_empty(home, tillage):
    folder = home / "landing" / "reviews"
    folder.mkdir()
    (folder / "reviews.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    assert tillage("run", "--select", "group:seeds or key:landing/files").code == 1
    assert "what stands refused: 1 file." in tillage("run").out


@pytest.mark.usefixtures("unjudged")
def test_a_home_whose_name_has_a_blank_is_quoted_in_the_hints(home, tillage, small_shop):
    spaced = home.rename(home.with_name("my shop"))
    drop_months(spaced, small_shop, MONTHS[:1])
    said = tillage("run", *FILES, at=spaced)
    assert said.code == 0, said.err
    assert f"Next: tillage status --home '{spaced}' · " in said.out


@pytest.mark.usefixtures("unjudged")
def test_an_empty_landing_folder_says_what_to_do(tillage):
    assert tillage("run").code == 0
    said = tillage("run")
    assert said.code == 0
    assert "is empty. Put order files there, or write a sample shop with `tillage sample`." in said.out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('memory = "much"', "memory is 'much': a size such as 512MB or 4GB was expected"),
        ('timezone = "Mars/Olympus"', "the name of a time zone such as Europe/London was expected"),
        ('date_order = "year"', "date_order is 'year'"),
        ("threads = 0", "threads is 0"),
        ('currency = "pounds"', "currency is 'pounds': three letters of ISO 4217 such as GBP were expected"),
        ('decimal_mark = ";"', "decimal_mark is ';'"),
        (
            '[headers]\nname = "till"',
            "headers: tables were expected, each under a line [[headers]] with two brackets",
        ),
        (
            '[[headers]]\nname = "till"\nprice = "Preis"',
            "headers: the set of headers 'till' says price, which no set",
        ),
        ('colour = "red"', "there is no setting colour; the settings are home, timezone"),
        ("memory = ", "tillage.toml is not TOML"),
        ('memory = "1KB"', "memory is '1KB': 100MB or more was expected: DuckDB does not get far with less"),
        (
            'nightly = "a b c d e"',
            "nightly is 'a b c d e': minute, hour, day of the month, month and day of the week",
        ),
        (
            'owner = "nobody"',
            "owner is 'nobody': an e-mail address or `team:` and a name was expected, such as",
        ),
    ],
)
def test_a_bad_setting_is_told_with_what_was_expected(home, tillage, monkeypatch, text, told):
    monkeypatch.delenv("TILLAGE_THREADS")  # of tests, and before the file
    (home / "tillage.toml").write_text(text, encoding="utf-8")
    said = tillage("status")
    assert said.code == 1
    assert told in said.err
    assert "docs/settings.md" in said.err


def test_settings_that_cannot_be_read_are_told(home, tillage, monkeypatch):
    file = home / "tillage.toml"
    file.write_bytes('currency = "£"'.encode("latin-1"))
    said = tillage("status")
    assert said.code == 1
    assert f"{file} is not UTF-8: invalid start byte at byte 12. Save it as UTF-8" in said.err
    file.unlink()
    file.mkdir()
    assert f"{file} is a folder, and must be a file of settings." in tillage("status").err
    file.rmdir()
    monkeypatch.setenv("TILLAGE_HEADERS", "notjson")
    said = tillage("status")
    assert 'field "headers"' in said.err
    assert "JSON was expected there. Write the tables into tillage.toml of the home instead" in said.err


@pytest.mark.parametrize("command", [("run",), ("status",), ("sample",)])
def test_a_home_that_is_a_file_is_told(tillage, tmp_path, command):
    (tmp_path / "file").write_text("")
    said = tillage(*command, at=tmp_path / "file")
    assert said.code == 1
    assert f"The home {tmp_path / 'file'} is a file, and must be a folder." in said.err


def test_a_home_that_cannot_be_made_is_told(tillage, tmp_path):
    (tmp_path / "file").write_text("")
    said = tillage("run", at=tmp_path / "file" / "home")
    assert said.code == 1
    assert (
        f"The folder {tmp_path / 'file' / 'home' / 'landing' / 'orders'} cannot be made (Not a directory)."
        in said.err
    )


@pytest.mark.usefixtures("unjudged")
@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("x,description,*M*,Kitchen", 'column rank holds "x", where INTEGER was expected. Mend that line'),
        (
            "3,description,*M*",
            "Expected Number of Columns: 4 Found: 3; the columns are rank, matches, pattern,",
        ),
    ],
)
def test_a_line_of_a_seed_that_cannot_be_read_is_told(home, tillage, line, told):
    seed = home / "seeds" / "categories.csv"
    seed.parent.mkdir()
    seed.write_text(f"rank,matches,pattern,category\n1,product_id,8,Lights\n{line}\n", encoding="utf-8")
    said = tillage("run", "--select", "key:seeds/categories")
    assert said.code == 1
    assert f"The seed {seed}, line 3 ({line}): {told}" in said.err
    assert "auto-detected" not in said.err


def test_the_environment_comes_before_the_file(home, environment, monkeypatch):
    (home / "tillage.toml").write_text('memory = "1GB"\nthreads = 2', encoding="utf-8")
    monkeypatch.setenv("TILLAGE_MEMORY", "2GB")
    monkeypatch.delenv("TILLAGE_THREADS")
    settings = load(home)
    assert (settings.memory, settings.threads) == ("2GB", 2)


def test_headers_and_currency_of_the_file_of_settings_are_read_with(home, environment):
    (home / "tillage.toml").write_text(
        """
        currency = "EUR"
        decimal_mark = ","
        timezone = "Europe/Berlin"

        [[headers]]
        name = "till"
        invoice_id = "Bon"
        product_id = ["Artikel", "EAN"]
        quantity = "Menge"
        sold_at = "Datum"
        line_amount = "Betrag"
        """,
        encoding="utf-8",
    )
    reading = load(home).reading()
    assert (reading.currency, reading.decimal_mark, reading.timezone) == ("EUR", ",", "Europe/Berlin")
    assert (reading.sets[0].name, reading.sets[0].is_own) == ("till", True)
    assert reading.sets[0].columns["product_id"] == ("Artikel", "EAN")


@pytest.mark.usefixtures("unjudged")
def test_options_of_every_command_stand_before_or_after_it(home, tillage, small_shop, tmp_path):
    drop_months(home, small_shop, MONTHS[:1])
    assert tillage("run", "--quiet", *FILES).err == ""
    elsewhere = tmp_path / "elsewhere"
    said = tillage("status", "--home", str(elsewhere))
    assert said.code == 1
    assert str(elsewhere) in said.err
    assert tillage("status", f"--home={home}").code == 0


@pytest.mark.usefixtures("unjudged")
def test_query_prints_tables_csv_and_json_and_looks_back(home, tillage, small_shop):
    drop_months(home, small_shop, MONTHS[:1])
    assert tillage("run", *WALK).code == 0
    first = at_snapshot(home)
    drop_months(home, small_shop, MONTHS[1:2])
    assert tillage("run", *WALK).code == 0
    sql = "SELECT count(DISTINCT month) AS months, DATE '2011-01-01' AS day, 1.50 AS price, NULL AS none FROM core.order_lines"
    assert tillage("query", "--format", "csv", sql).out == "months,day,price,none\n2,2011-01-01,1.50,\n"
    assert json.loads(tillage("query", "--format", "json", sql).out) == [
        {"months": 2, "day": "2011-01-01", "price": 1.5, "none": None}
    ]
    odd = "SELECT 'NaN'::DOUBLE AS a, [1.5, 'Infinity'::DOUBLE] AS b, {'c': '-Infinity'::DOUBLE} AS d"
    assert json.loads(tillage("query", "--format", "json", odd).out, parse_constant=pytest.fail) == [
        {"a": None, "b": [1.5, None], "d": {"c": None}}
    ]
    double = tillage("query", "--format", "json", "SELECT 1 AS n, 2 AS n, 3 AS m")
    assert (double.code, double.out) == (1, "")
    assert "Several columns are called n, and an object of JSON holds one of a name." in double.err
    assert "months" in tillage("query", sql).out
    back = tillage("query", "--as-of", str(first), "--format", "csv", sql).out
    assert back.splitlines()[1].startswith("1,")


@pytest.mark.usefixtures("unjudged")
def test_sample_writes_a_shop_that_runs(home, tillage):
    said = tillage("sample", "--months", "2", "--customers", "40", "--first-month", "2011-03")
    assert said.code == 0, said.err
    assert len(list((home / "landing" / "orders").glob("*.csv"))) == 2
    assert tillage("run", *WALK).code == 0
    assert made(home, "segments.rfm") == ["2011-03-01", "2011-04-01"]


def test_a_port_that_is_taken_is_told_before_anything_starts(tillage):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = tillage("ui", "--port", str(port))
    assert said.code == 1
    told = " ".join(said.err.split())
    assert f"The UI cannot listen on 127.0.0.1:{port} (Address already in use)" in told
    assert "name another port with --port" in told


@pytest.mark.parametrize(
    ("port", "why"), [("0", "greater than or equal to 1"), ("99999", "less than or equal to 65535")]
)
def test_a_port_that_is_none_is_refused(tillage, port, why):
    said = tillage("ui", "--port", port)
    assert said.code != 0
    assert why in " ".join(said.err.replace("│", " ").split())
