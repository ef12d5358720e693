"""The Dagster UI in a real browser, as `tillage ui` starts it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import date

import pytest

from assets.pictures import PICTURES, Picture, bars, heat_map, lines, points, steps

pytestmark = pytest.mark.xdist_group("ui")
GIANT = "999999,10001,SLIP,99999999,2/3/2011 10:00,9.99,,United Kingdom\n"
# Chromium in a container has no sandbox, no graphics card and no network to call home to.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
STARTS_WITHIN = 120


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(address, server, log):
    for _ in range(STARTS_WITHIN * 2):
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{address}/server_info", timeout=5):  # noqa: S310 - our own server
                return
        except OSError:  # not up yet, or it let go of who asked too early
            time.sleep(0.5)
    raise AssertionError(f"the UI did not start: {log.read_text()}")


@pytest.fixture(scope="module")
def chromium():
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        message = "Chromium is not installed: the UI cannot be looked at"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture(scope="module")
def ui(chromium, small_shop, tmp_path_factory):
    """The UI on a small shop whose February is refused."""
    home = tmp_path_factory.mktemp("ui") / "home"
    orders = home / "landing" / "orders"
    orders.mkdir(parents=True)
    for month, text in small_shop.items():
        slip = GIANT if month == date(2011, 2, 1) else ""
        (orders / f"till_{month:%Y-%m}.csv").write_text(text + slip, encoding="latin-1")
    tillage = [sys.executable, "-m", "pipelines.cli", "--home", home]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("TILLAGE_", "DAGSTER_"))
    }
    environment["TILLAGE_AUTOMATIC"] = "false"  # or the sensors make the other tables, too
    made = subprocess.run(
        [*tillage, "run", "--select", "+key:segments/rfm or key:landing/files"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 1, made.stderr
    port, log = free_port(), home.parent / "ui.log"
    address = f"http://127.0.0.1:{port}"
    with log.open("w") as output:
        server = subprocess.Popen(
            [*tillage, "ui", "--port", str(port)],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for(address, server, log)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(3)
        except subprocess.TimeoutExpired:  # it waits for what it started; a slow machine need not
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
    assert "Traceback" not in log.read_text()


@pytest.fixture
def page(ui, chromium):
    """A page of the browser; any error of a script fails the test."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        opened = browser.new_page(viewport={"width": 1600, "height": 1100}, base_url=ui)
        opened.set_default_timeout(60_000)
        errors = []
        opened.on("pageerror", lambda error: errors.append(str(error)))
        yield opened
        assert errors == []
        assert opened.get_by_text("Unexpected GraphQL error").count() == 0
        browser.close()


def test_the_asset_graph_shows_every_schema(page):
    page.goto("/asset-groups")
    for schema in ("landing", "seeds", "core", "segments"):
        page.get_by_text(schema, exact=True).first.wait_for()
    assert page.get_by_text("Welcome to Dagster").count() == 0


def test_an_asset_page_shows_grain_columns_units_and_months(page):
    page.goto("/assets/core/order_lines")
    page.get_by_text("Grain: one row per line of an invoice.").wait_for()
    page.get_by_text("unit: currency").first.wait_for()
    page.get_by_text("quantity x unit_price, exact.").wait_for()
    page.goto("/assets/segments/rfm?view=partitions&partition=2011-04-01")
    page.get_by_text("dagster/partition_row_count").wait_for()
    page.get_by_text("never made").wait_for()
    assert page.get_by_text("Unsynced").count() == 0


def test_an_asset_page_shows_a_picture(page):
    """A picture that the page takes out or cannot draw is an event that grew for nothing."""
    page.goto("/assets/segments/rfm")
    page.locator("tr", has_text="picture").get_by_text("[Show Markdown]").first.click()
    image = page.get_by_alt_text("Customers of each segment")
    image.wait_for()
    assert image.evaluate("image => image.complete && image.naturalWidth") == 720


def test_a_check_page_shows_the_refused_month_and_its_rows(page):
    page.goto("/assets/core/order_lines?view=checks&checkDetail=amount_is_plausible")
    page.get_by_text("This check failed").or_(page.get_by_text("Failed", exact=True)).first.wait_for()
    page.get_by_text("2011-02", exact=True).first.wait_for()
    page.get_by_text("No line is above a million").first.wait_for()


def test_each_column_says_what_it_is_made_from(page):
    page.goto("/assets/core/customer_months")
    told = page.get_by_text("Made from core.order_lines (amount, kind).").first
    told.wait_for()
    assert told.is_visible()


def test_the_jobs_the_sensors_and_the_schedules_are_there_to_be_switched_and_launched(page):
    shown = {
        "/jobs": ("take_in", "make", "rebuild", "retrain", "export", "report", "maintain"),
        "/automation": ("new_files", "out_of_date", "alerts", "nightly", "month_end", "weekly_maintenance"),
    }
    for address, names in shown.items():
        page.goto(address)
        for name in names:
            there = page.get_by_text(name, exact=True).first
            there.wait_for()
            assert there.is_visible(), name


def test_the_runs_of_the_command_line_are_in_its_history(page):
    page.goto("/runs")
    for job in ("make", "take_in"):
        page.get_by_text(job, exact=True).first.wait_for()
    states = page.get_by_text("Success", exact=True)
    states.nth(1).wait_for()
    assert states.count() == 2


LONG = "straps, strap, lock, locks, guitar, leather, button, buttons"
DAYS = [date(2000 + at // 12, at % 12 + 1, 1) for at in range(240)]
DRAWN = {
    "bars": (bars, [(LONG, 1_234_567.0), ("a", -1_234_567.0), ("b", None), ("c", 0.5)]),
    "heat_map": (heat_map, [(DAYS[at], age, 1 / (age + 1)) for at in range(30) for age in range(30 - at)]),
    "steps": (
        steps,
        [(name, day, 100.0 - day / 20, 1.0, 100.0) for name in ("a", LONG) for day in range(700)],
    ),
    "lines": (
        lines,
        [(f"{at} {LONG}", day, 1e6 * at, -1e6, 14.2e6) for at in range(12) for day in DAYS],
    ),
    "points": (
        points,
        [(at * 7 % 1_201 / 100, at % 9, f"{at % 10} {LONG}", "neutral") for at in range(1_200)],
    ),
}


@pytest.mark.parametrize("kind", DRAWN)
def test_no_text_of_a_picture_is_cut_off_or_covers_another(chromium, kind):
    from playwright.sync_api import sync_playwright

    draw, rows = DRAWN[kind]
    title = max((picture.title for picture in PICTURES.values()), key=len)
    svg = Picture(title, "", draw).svg(rows)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        opened = browser.new_page(viewport={"width": 900, "height": 1100})
        opened.set_content(f"<body style='margin:0'>{svg}")
        picture = opened.locator("svg").bounding_box()
        texts = [(text.text_content(), text.bounding_box()) for text in opened.locator("svg text").all()]
        browser.close()
    assert len(texts) > 3, kind
    for text, box in texts:
        assert box["x"] >= 0, text
        assert box["x"] + box["width"] <= picture["width"], text
        assert box["y"] + box["height"] <= picture["height"], text
    for at, (text, one) in enumerate(texts):
        for other, two in texts[at + 1 :]:
            apart = (
                one["x"] + one["width"] <= two["x"] + 1
                or two["x"] + two["width"] <= one["x"] + 1
                or one["y"] + one["height"] <= two["y"] + 3  # the room above and below letters
                or two["y"] + two["height"] <= one["y"] + 3
            )
            assert apart, (text, other)
