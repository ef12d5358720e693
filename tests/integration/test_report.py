"""The pages of runs and of periods, as their readers get them."""

import logging
import re
from datetime import date
from html.parser import HTMLParser

import dagster as dg
import pytest

from expectations.rules import rules
from pipelines.definitions import build
from pipelines.instance import open_instance
from pipelines.report import SECTIONS, week_before, why_red, write_period, write_run
from pipelines.settings import load
from warehouse.errors import TillageError
from warehouse.tables import TABLES

STRANGE = '100900,20001,"<script>alert(1)</script>",5000,2/3/2011 10:00,1.00,10001,<b>Wales</b>\n'


class Cells(HTMLParser):
    """The tables of a page, each as its rows of texts, by the heading before it; and every tag in it."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.tags, self._heading, self._text = {}, set(), "", None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        del attrs
        self.tags.add(tag)
        if tag == "table":
            self.tables[self._heading] = []
        if tag == "tr":
            self.tables[self._heading].append([])
        if tag in {"td", "th", "h2"}:
            self._text = ""

    def handle_data(self, data):
        if self._text is not None:
            self._text += data

    def handle_endtag(self, tag):
        if tag in {"td", "th"}:
            self.tables[self._heading][-1].append(self._text)
        if tag == "h2":
            self._heading = self._text
        if tag in {"td", "th", "h2"}:
            self._text = None


@pytest.fixture
def instance(home):
    with open_instance(load(home)) as opened:
        yield opened


@pytest.fixture
def made(home, tillage, small_shop, filled):
    """A home of two months and few tables, with what the command said."""

    def run():
        for month, text in small_shop.items():
            if month < date(2011, 3, 1):
                strange = STRANGE if month.month == 2 else ""
                (home / "landing" / "orders" / f"{month}.csv").write_text(text + strange, encoding="latin-1")
        return tillage("run", "--select", "+key:core/sales_days or key:landing/files")

    said = filled("two months", run)
    assert said.code == 0, said.err
    return said


def test_a_run_leaves_a_page_that_tells_what_it_did_and_why(home, made, tillage):
    pages = [home / path for path in re.findall(r"what it did, and why: (\S+)", made.out)]
    taken, run = (Cells(page.read_text(encoding="utf-8")) for page in pages)
    header, *files = taken.tables["Files"]
    assert header[:3] == ["path", "state", "rows read"]
    assert [row[:2] for row in files] == [
        ["orders/2011-01-01.csv", "accepted"],
        ["orders/2011-02-01.csv", "accepted"],
    ]
    header, *rows = run.tables["Tables"]
    told = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    days = told["core.sales_days"]
    assert (days["months"], days["made"], days["changed"], days["why"]) == (
        "2011-01 to 2011-02",
        "2",
        "2",
        "never made",
    )
    assert days["checks"].split("/")[0] == days["checks"].split("/")[1]
    counted = tillage("query", "--format", "csv", "SELECT count(*) AS n FROM core.sales_days").out.split()[1]
    assert days["rows"].replace(",", "") == counted


def test_a_page_names_the_months_that_were_made_and_none_between(home, made, tillage, small_shop):
    """The first and the last of them read as if a whole year had been made."""
    select = ("--select", "+key:core/sales_days or key:landing/files")
    for month, text in small_shop.items():
        (home / "landing" / "orders" / f"{month}.csv").write_text(text, encoding="latin-1")
    assert tillage("run", *select).code == 0
    for month in (date(2011, 1, 1), date(2011, 3, 1), date(2011, 4, 1)):
        sales = [line for line in small_shop[month].splitlines(keepends=True) if not line.startswith("C")]
        (home / "landing" / "orders" / f"{month}.csv").write_text("".join(sales[:-1]), encoding="latin-1")
    said = tillage("run", *select)
    page = home / re.findall(r"what it did, and why: (\S+)", said.out)[-1]
    header, *rows = Cells(page.read_text(encoding="utf-8")).tables["Tables"]
    told = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert (told["core.sales_days"]["months"], told["core.sales_days"]["made"]) == (
        "2011-01, 2011-03 to 2011-04",
        "3",
    )


def test_a_table_without_checks_has_none_of_none(home, made):
    [page] = (home / "exports" / "runs").glob("*-take_in-*.html")
    header, *rows = Cells(page.read_text(encoding="utf-8")).tables["Tables"]
    told = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert told["landing.files"]["checks"] == "4/4"
    assert (told["landing.quarantine"]["checks"], told["landing.quarantine"]["made"]) == ("", "")


def test_a_page_names_the_checks_that_failed_what_they_demand_and_what_fails_them(home, tillage, small_shop):
    """Three of four send their reader to look for the fourth."""
    giant = "999999,10001,SLIP,99999999,2/3/2011 10:00,9.99,98765,United Kingdom\n"
    bad = "536000,10001,X,many,1/3/2011 10:00,1.00,,United Kingdom\n"
    for month in (date(2011, 1, 1), date(2011, 2, 1)):
        (home / "landing" / "orders" / f"{month}.csv").write_text(
            small_shop[month] + (giant if month.month == 2 else bad * 20), encoding="latin-1"
        )
    said = tillage("run", "--select", "+key:core/order_lines or key:landing/files")
    assert said.code == 1
    taken, run = (
        Cells(next((home / "exports" / "runs").glob(f"*-{job}-*.html")).read_text(encoding="utf-8"))
        for job in ("take_in", "make")
    )
    [_, row] = run.tables["Checks that failed"]
    assert row[:5] == ["core.order_lines", "amount_is_plausible", "refused", "2011-02", "1"]
    [rule] = [rule for rule in rules(TABLES["core.order_lines"]) if rule.name == "amount_is_plausible"]
    assert row[5].startswith(rule.description.rstrip("."))
    assert "invoice_id 999999" in row[5]
    assert "98765" not in row[5], "a page outlives the rows of a customer who is forgotten"
    [_, row] = taken.tables["Checks that failed"]
    assert row[:3] == ["landing.files", "few_rows_are_quarantined", "warning"]
    assert "path orders/2011-01-01.csv" in row[5]
    assert re.search("warning landing.files: few_rows_are_quarantined: .* row in a hundred", said.out), (
        said.out
    )


@pytest.mark.parametrize(
    ("table", "check"),
    [("core.order_lines", "was_called_so"), ("core.was_called_so", "x"), ("landing.files", "was_called_so")],
)
def test_a_check_that_is_called_otherwise_now_is_told_by_its_name(made, instance, home, table, check):
    """An upgrade between the run and its page: the page of a failed run is needed most then."""
    run = instance.get_runs(limit=1)[0]
    red = dg.AssetCheckEvaluation(
        dg.AssetKey(table.split(".")), check, False, {}, severity=dg.AssetCheckSeverity.ERROR
    )
    event = dg.DagsterEvent("ASSET_CHECK_EVALUATION", run.job_name, event_specific_data=red)
    instance.report_dagster_event(event, run.run_id)
    page = Cells(write_run(load(home), instance, run.run_id).read_text(encoding="utf-8"))
    [_, row] = page.tables["Checks that failed"]
    assert (row[0], row[1], row[-1]) == (table, check, check)
    assert why_red(red) == check


def test_a_take_in_warns_of_few_of_the_files_that_are_passed_over_and_how_many_there_are(
    home, made, instance
):
    """A folder of ten thousand pictures would be ten thousand lines of every run's log."""
    for number in range(14):
        (home / "landing" / "orders" / f"{number:02}.png").write_bytes(b"")
    definitions = build(load(home))
    result = definitions.resolve_job_def("take_in").execute_in_process(instance=instance)
    warned = [
        entry.user_message
        for entry in instance.all_logs(result.run_id)
        if entry.dagster_event is None and entry.level == logging.WARNING
    ]
    assert [line.split(" is passed over: ")[0] for line in warned] == [
        *(f"orders/{number:02}.png" for number in range(10)), "and 4 more"
    ]  # fmt: skip
    with dg.build_sensor_context(instance) as context:
        said = definitions.get_repository_def().get_sensor_def("new_files")(context).skip_message
    assert said.count(" is passed over: ") == 3
    assert said.endswith(". and 11 more.")


def test_a_page_of_an_empty_take_in_says_why(home, made, instance):
    """A page with nothing on it looks like a run that broke."""
    (home / "landing" / "orders" / "prices.pdf").write_bytes(b"%PDF")
    left = [home / "landing" / "orders" / f"\udcff{number:02}.csv" for number in range(14)]
    for file in left:
        file.write_text("no name that DuckDB can open")
    settings = load(home)
    result = build(settings).resolve_job_def("take_in").execute_in_process(instance=instance)
    page = write_run(settings, instance, result.run_id).read_text(encoding="utf-8")
    assert (
        "None was taken in: no file in landing/ is new, or changed since it was taken in but those left."
        in page
    )
    assert "<li>orders/\\udcff00.csv: its name is not UTF-8" in page
    assert page.count("its name is not UTF-8") == 10, "ten thousand would be as many lines of every run's log"
    assert "<li>and 4 more</li>" in page
    assert (
        "landing/orders/prices.pdf is passed over: its name ends in none of .csv, .tsv, .txt, .parquet, .xlsx"
        in page
    )
    for file in left:
        file.unlink()
    result = build(settings).resolve_job_def("take_in").execute_in_process(instance=instance)
    page = write_run(settings, instance, result.run_id).read_text(encoding="utf-8")
    assert "None was taken in: no file in landing/ is new, or changed since it was taken in.</p>" in page


def test_a_failed_run_says_what_it_failed_of(home, tillage, small_shop, monkeypatch):
    from assets import asset

    def fails(*_, **__):
        raise TillageError("it cannot be made: <for the test>.")

    (home / "landing" / "orders" / "1.csv").write_text(small_shop[date(2011, 1, 1)], encoding="latin-1")
    monkeypatch.setattr(asset, "make", fails)
    assert tillage("run", "--select", "key:seeds/not_goods or key:landing/files").code == 1
    [page] = (home / "exports" / "runs").glob("*-make-*.html")
    assert "seeds__not_goods: it cannot be made: &lt;for the test&gt;." in page.read_text(encoding="utf-8")


def test_a_report_adds_up_to_the_warehouse_and_holds_no_markup_of_strangers(home, made, tillage):
    """A name in a file that ran as a script in a manager's browser would be the shop's worst day."""
    page = tillage("report", "--month", "2011-02").out.strip()
    assert page.endswith("exports/reports/2011-02.html")
    found = Cells((home / page).read_text(encoding="utf-8"))
    _, this, _, year = found.tables["Sales"]
    wanted = tillage(
        "query",
        "--format",
        "csv",
        "SELECT sum(orders), sum(units), CAST(sum(amount) AS DECIMAL(18, 2)) FROM core.sales_days WHERE month = '2011-02-01'",
    ).out.splitlines()[-1]
    assert ",".join(cell.replace(",", "") for cell in this[3:6]) == wanted
    assert year[1:] == ["2010-02-01", "2010-02-28", "", "", "", ""]
    assert "<b>Wales</b>" in [row[0] for row in found.tables["Countries"]]
    assert "<script>alert(1)</script>" in [row[1] for row in found.tables["Goods that sold most"]]
    assert not found.tags & {"script", "b"}


def test_a_report_of_a_month_without_data_is_refused(home, made, tillage):
    said = tillage("report", "--month", "2031-03")
    assert said.code == 1
    assert "There is nothing to report of 2031-03: files brought 2011-01 to 2011-02." in said.err
    assert not (home / "exports" / "reports" / "2031-03.html").exists()


def test_what_a_file_brought_before_it_was_mended_is_told_no_more(home, tillage, small_shop):
    """A slip of a year that was mended: the newest month is again the one that has sales, and the check is green."""
    file = home / "landing" / "orders" / "till.csv"
    january = small_shop[date(2011, 1, 1)]
    bad = "536000,10001,X,many,1/3/2011 10:00,1.00,,United Kingdom\n"
    file.write_text(january + bad * 20, encoding="latin-1")
    late = "536001,10001,X,1,1/3/2012 10:00,1.00,,United Kingdom\n"
    (home / "landing" / "orders" / "late.csv").write_text(
        small_shop[date(2011, 2, 1)] + late, encoding="latin-1"
    )
    select = ("--select", "+key:core/sales_days or key:landing/files")
    assert "few_rows_are_quarantined" in tillage("run", *select).out
    file.write_text(january, encoding="latin-1")
    (home / "landing" / "orders" / "late.csv").write_text(small_shop[date(2011, 2, 1)], encoding="latin-1")
    said = tillage("run", *select)
    assert said.code == 0
    assert "few_rows_are_quarantined" not in said.out
    assert tillage("report").out.strip().endswith("exports/reports/2011-02.html")
    assert "files brought 2011-01 to 2011-02." in tillage("report", "--month", "2012-01").err
    nothing = tillage("run", "--force", "--from", "2012-01", "--select", "key:core/sales_days").out
    assert "files brought 2011-01 to 2011-02, and no month of that was asked for" in nothing


def test_a_report_names_no_customer(home, made):
    from warehouse.lake import open_lake

    page = write_period(load(home), date(2011, 1, 1), date(2011, 1, 31)).read_text(encoding="utf-8")
    with open_lake(home / "lake", read_only=True) as lake:
        customers = lake.execute(
            "SELECT DISTINCT customer_id FROM core.order_lines WHERE customer_id IS NOT NULL"
        )
        named = [name for (name,) in customers.fetchall() if re.search(rf"\b{name}\b", page)]
    assert named == []


def test_every_section_can_be_asked_of_an_empty_warehouse(lake, home, reading, make_all):
    """A query that no longer fits its tables would show on the day of the report."""
    from warehouse.lake import ensure

    period = {"first": date(2011, 2, 1), "last": date(2011, 2, 28), "month": date(2011, 2, 1)}
    for section in SECTIONS:
        ensure(lake, TABLES[section.needs])
        used = {name: value for name, value in period.items() if f"${name}" in section.query}
        rows = lake.execute(section.query, used).fetchall()
        assert len(rows) == (3 if section.title == "Sales" else 0), section.title


@pytest.mark.parametrize("day", [date(2011, 11, 14), date(2011, 11, 17), date(2011, 11, 20)])
def test_the_week_before_is_the_last_whole_one(day):
    assert week_before(day) == (date(2011, 11, 7), date(2011, 11, 13))


def test_there_is_no_report_without_files(tillage):
    said = tillage("report")
    assert said.code == 1
    assert "no file has brought any" in said.err
