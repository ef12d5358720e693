"""Sensors and schedules, driven tick by tick as the daemon does, on a home of few tables."""

import logging
import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, date, datetime
from functools import partial

import dagster as dg
import pytest
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, ManagedGrpcPythonEnvCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._grpc.server import wait_for_grpc_server

from assets import asset
from assets.graph import graph
from assets.landing.asset import CHECKS
from pipelines import definitions, run, sensors
from pipelines.definitions import build, months_of, months_seen
from pipelines.instance import open_instance
from pipelines.sensors import CAUSE
from pipelines.settings import load
from warehouse.intake import forget_file
from warehouse.lake import WORK, open_lake, snapshot
from warehouse.records import read_versions
from warehouse.tables import TABLES

MONTHS = [date(2011, month, 1) for month in (1, 2, 3, 4)]
FEW = ("core.order_lines", "core.customer_months", "core.sales_days", "segments.rfm")
SEEDS = ("seeds.not_goods", "seeds.categories", "seeds.rfm_segments")
GIANT = "999999,10001,A SLIP OF THE HAND,99999999,2/3/2011 10:00,9.99,,United Kingdom\n"
START, END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
RELOAD = sensors.reload  # a shop of the tests loads its own
LATER = 1e10  # so far ahead that every file has stopped growing


@dg.logger
def silent(_):
    return logging.Logger("silent", logging.CRITICAL)


class Shop:
    """A home, its instance, and the daemon's part: it ticks, and executes what a tick asks for."""

    def __init__(self, home, instance, clock):
        self.home, self.instance, self.clock = home, instance, clock
        self.cursors, self.loads = {}, 0
        self.reload()

    def reload(self):
        self.loads += 1
        self.settings = load(self.home)
        self.months = months_of(self.settings, months_seen(self.settings))
        self.location = build(self.settings, loggers={"console": silent}).get_repository_def()

    def drop(self, text, name="till.csv"):
        (self.home / "landing" / "orders" / name).write_text(text, encoding="latin-1")

    def ask(self, sensor):
        """What one tick of a sensor says: a request, or why there is none."""
        with dg.build_sensor_context(
            self.instance, cursor=self.cursors.get(sensor), repository_def=self.location
        ) as context:
            said = self.location.get_sensor_def(sensor)(context)
            self.cursors[sensor] = context.cursor
            return said

    def at(self, schedule, time):
        """What a schedule says at a time.

        Its context opens the instance once more. Left open until it is collected, it would put the instance of
        whichever test it was made in where the next definitions look for one.
        """
        with dg.build_schedule_context(self.instance, scheduled_execution_time=time) as context:
            return self.location.get_schedule_def(schedule).evaluate_tick(context)

    def execute(self, asked, job):
        """As the process of a run does, which loads the code anew."""
        location = self.location
        if months_of(self.settings, months_seen(self.settings)) != self.months:
            location = build(self.settings, loggers={"console": silent}).get_repository_def()
        return location.get_job(job).execute_in_process(
            instance=self.instance,
            tags=dict(asked.tags),
            asset_selection=asked.asset_selection,
            raise_on_error=False,
        )

    def tick(self):
        """One tick of both sensors; gives the runs that came of it: job, first and last month."""
        runs = []
        for sensor, job in (("new_files", "take_in"), ("out_of_date", "make")):
            asked = self.ask(sensor)
            if isinstance(asked, dg.RunRequest):
                self.execute(asked, job)
                runs.append((job, asked.tags.get(START), asked.tags.get(END)))
        return runs

    def made(self, name):
        """The months of a table that were materialized since this was last asked."""
        before = self.cursors.get(name, 0)
        key = dg.AssetKey(name.split("."))
        records = self.instance.fetch_materializations(key, limit=1000).records
        self.cursors[name] = max((record.storage_id for record in records), default=before)
        return sorted(record.partition_key[:7] for record in records if record.storage_id > before)

    def at_snapshot(self):
        with open_lake(self.home / "lake", read_only=True) as lake:
            return snapshot(lake)


@pytest.fixture
def shop(home, empty_history, environment, unjudged, monkeypatch):
    shutil.copytree(empty_history, home / "dagster")
    few = {name: table for name, table in TABLES.items() if not table.is_made or name in FEW + SEEDS}
    for module in (asset, definitions, run):
        monkeypatch.setattr(module, "graph", partial(graph, tables=few))
    clock = [LATER]
    monkeypatch.setattr(sensors, "clock", lambda: clock[0])
    monkeypatch.setattr(sensors, "WAIT_SECONDS", 0)  # here a run is over before the next look
    with open_instance(load(home)) as instance:
        shop = Shop(home, instance, clock)
        monkeypatch.setattr(sensors, "reload", lambda _: shop.reload())
        yield shop


def test_a_file_flows_through_in_two_runs_and_then_nothing_starts(shop, small_shop):
    """A loop, or a run a month, would bury the history that people look for their runs in."""
    assert shop.tick() == [("make", None, None)], "the seeds"
    for month in MONTHS[:3]:
        shop.drop(small_shop[month], f"{month}.csv")
    assert shop.tick() == [("take_in", None, None), ("make", "2011-01-01", "2011-03-01")]
    assert shop.made("segments.rfm") == ["2011-01", "2011-02", "2011-03"]
    before = shop.at_snapshot()
    assert [shop.tick() for _ in range(3)] == [[], [], []]
    assert shop.at_snapshot() == before


def test_a_late_file_makes_its_month_and_those_that_see_it(shop, small_shop):
    for month in MONTHS:
        shop.drop(small_shop[month], f"{month}.csv")
    shop.tick()
    for name in FEW:
        shop.made(name)
    sales = [line for line in small_shop[MONTHS[2]].splitlines(keepends=True) if not line.startswith("C")]
    shop.drop("".join(sales[:-1]), f"{MONTHS[2]}.csv")
    assert shop.tick() == [("take_in", None, None), ("make", "2011-03-01", "2011-04-01")]
    assert {name: shop.made(name) for name in FEW} == {
        "core.order_lines": ["2011-03"],
        "core.customer_months": ["2011-03"],
        "core.sales_days": ["2011-03"],
        "segments.rfm": ["2011-03", "2011-04"],
    }
    assert shop.tick() == []


def test_a_look_waits_for_a_run_that_takes_in_for_a_while(shop, small_shop, monkeypatch):
    """What it brings is asked for by the look that goes on beside it: the next one is five seconds later."""
    shop.drop(small_shop[MONTHS[0]])
    asked, waited = shop.ask("new_files"), []

    def sleep(seconds):
        waited.append(seconds)
        if len(waited) == 2:
            shop.execute(asked, "take_in")
            shop.instance.report_run_canceled(running)

    running = shop.instance.create_run_for_job(
        shop.location.get_job("take_in"), status=dg.DagsterRunStatus.STARTED
    )
    monkeypatch.setattr(sensors, "WAIT_SECONDS", 600)
    monkeypatch.setattr(sensors, "sleep", sleep)
    assert isinstance(shop.ask("out_of_date"), dg.RunRequest)
    assert len(waited) == 2
    running = shop.instance.create_run_for_job(
        shop.location.get_job("take_in"), status=dg.DagsterRunStatus.STARTED
    )
    monkeypatch.setattr(sensors, "WAIT_SECONDS", 0.1)
    assert "(take_in) is at work" in shop.ask("out_of_date").skip_message


def test_equal_rows_start_nothing_further(shop, small_shop):
    """The same rows under another name, and in another order, change nothing that follows."""
    shop.drop(small_shop[MONTHS[0]])
    shop.tick()
    header, *lines = small_shop[MONTHS[0]].splitlines(keepends=True)
    shop.drop("".join([header, *reversed(lines)]), "again.csv")
    assert shop.tick()[0] == ("take_in", None, None)
    shop.made("core.customer_months")
    assert shop.tick() == []
    assert shop.made("core.customer_months") == []


def test_a_month_before_the_first_and_one_after_the_last_are_made(shop, small_shop):
    """Months that were not on offer when the location was loaded would else fail the run, or never be made."""
    shop.drop(small_shop[MONTHS[1]], "2.csv")
    shop.tick()
    assert months_of(shop.settings, months_seen(shop.settings)).get_partition_keys() == ["2011-02-01"]
    loads = shop.loads
    shop.drop(small_shop[MONTHS[0]], "1.csv")
    shop.drop(small_shop[MONTHS[2]], "3.csv")
    assert shop.tick() == [("take_in", None, None), ("make", "2011-01-01", "2011-03-01")]
    assert shop.loads == loads + 1
    assert shop.tick() == []


def test_a_month_after_the_last_is_asked_for_at_once_and_offered_once_it_is_made(shop, small_shop):
    """To load the location anew takes seconds, for which its figures would wait."""
    shop.drop(small_shop[MONTHS[0]], "1.csv")
    shop.tick()
    shop.ask("out_of_date")
    loads = shop.loads
    shop.drop(small_shop[MONTHS[1]], "2.csv")
    shop.execute(shop.ask("new_files"), "take_in")
    asked = shop.ask("out_of_date")
    assert (asked.tags[START], shop.loads) == ("2011-02-01", loads)
    assert shop.execute(asked, "make").success
    assert [shop.tick() for _ in range(3)] == [[], [], []]
    assert shop.loads == loads + 1
    assert shop.made("segments.rfm")[-1] == "2011-02"


def test_a_month_that_files_took_back_is_emptied_and_comes_again_as_it_was(shop, small_shop):
    """Segments of a month in which nothing was sold would be what people see first."""
    for month in MONTHS:
        shop.drop(small_shop[month], f"{month}.csv")
    shop.tick()
    with open_lake(shop.home / "lake", read_only=True) as lake:
        before = {(name, at): record.version for (name, at), record in read_versions(lake).items()}
    for name in FEW:
        shop.made(name)
    shop.drop(small_shop[MONTHS[2]], f"{MONTHS[3]}.csv")
    assert shop.tick() == [("take_in", None, None), ("make", "2011-04-01", "2011-04-01")]
    assert {name: shop.made(name) for name in FEW} == {name: ["2011-04"] for name in FEW}
    for name in FEW:
        key = dg.AssetKey(name.split("."))
        metadata = shop.instance.get_latest_materialization_event(key).asset_materialization.metadata
        assert metadata["dagster/partition_row_count"].value == 0
        assert metadata["why"].value == "no file reaches to it any more"
    with open_lake(shop.home / "lake", read_only=True) as lake:
        assert lake.execute("SELECT max(as_of) FROM segments.rfm").fetchall() == [(MONTHS[2],)]
    assert shop.tick() == []
    now = run.todo(shop.settings, run.Wanted())
    assert (now.brought, sorted(set(now.seen))) == (MONTHS[:3], MONTHS), "a run over the range names all four"
    asked = shop.at("month_end", datetime(2011, 5, 1, 4, tzinfo=UTC))
    assert asked.skip_message == "No file has brought 2011-04."
    shop.drop(small_shop[MONTHS[3]], f"{MONTHS[3]}.csv")
    assert shop.tick() == [("take_in", None, None), ("make", "2011-04-01", "2011-04-01")]
    with open_lake(shop.home / "lake", read_only=True) as lake:
        assert {(name, at): record.version for (name, at), record in read_versions(lake).items()} == before


def test_what_a_run_makes_while_the_lake_is_asked_is_not_asked_for_once_more(shop, small_shop, monkeypatch):
    """A run with an empty page is one that people look into for nothing."""
    shop.drop(small_shop[MONTHS[0]])
    shop.execute(shop.ask("new_files"), "take_in")
    asked = shop.ask("out_of_date")
    shop.execute(dg.RunRequest(tags=asked.tags, asset_selection=asked.asset_selection[:-1]), "make")
    running = shop.instance.create_run_for_job(
        shop.location.get_job("make"), status=dg.DagsterRunStatus.STARTED
    )
    ask_lake = sensors.todo

    def slowly(*of):
        found = ask_lake(*of)
        shop.execute(asked, "make")
        shop.instance.report_run_canceled(running)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(sensors, "todo", slowly)
        assert isinstance(shop.ask("out_of_date"), dg.SkipReason)
    shop.instance.report_run_canceled(running)
    shop.tick()
    assert shop.ask("out_of_date").skip_message == "Everything is current."


@pytest.mark.slow
def test_a_code_server_that_is_asked_to_offers_the_months_that_files_brought(home, tillage, small_shop):
    """The UI shows what its code server has loaded: a new month could else be neither seen nor launched there."""
    origin = GrpcServerCodeLocationOrigin(
        "127.0.0.1", socket=str(home / "code.sock"), location_name="tillage"
    )

    def offered(instance):
        with origin.create_location(instance) as location:
            [repository] = location.get_repositories().values()
            node = repository.get_asset_node_snap(dg.AssetKey(["core", "order_lines"]))
            return node.partitions.get_partitions_definition().get_partition_keys()

    def take_in(month):
        (home / "landing" / "orders" / f"{month}.csv").write_text(small_shop[month], encoding="latin-1")
        assert tillage("run", "--select", "key:landing/files").code == 0

    take_in(MONTHS[1])
    served = [sys.executable, "-m", "dagster", "code-server", "start", "-m", "pipelines.definitions"]
    with (
        open_instance(load(home)) as instance,
        subprocess.Popen([*served, "--socket", origin.socket], stderr=subprocess.DEVNULL) as server,
    ):
        try:
            wait_for_grpc_server(server, origin.create_client(), served, timeout=300)
            assert offered(instance) == ["2011-02-01"]
            take_in(MONTHS[0])
            assert offered(instance) == ["2011-02-01"]
            context = dg.SensorEvaluationContext(
                None, None, None, None, None, instance=instance, code_location_origin=origin
            )
            sensors.reload(context)
            assert offered(instance) == ["2011-01-01", "2011-02-01"]
        finally:
            server.terminate()


def test_where_code_has_no_server_that_can_be_asked_a_new_month_is_made_all_the_same(
    shop, small_shop, monkeypatch
):
    """A daemon that was started with `-m` loads the code by itself, and has no one to ask for the new month."""
    monkeypatch.setattr(sensors, "reload", RELOAD)
    shop.drop(small_shop[MONTHS[0]])
    shop.execute(shop.ask("new_files"), "take_in")
    target = LoadableTargetOrigin(executable_path=sys.executable, module_name="pipelines.definitions")
    context = dg.SensorEvaluationContext(
        None, None, None, None, None, instance=shop.instance, repository_def=shop.location,
        code_location_origin=ManagedGrpcPythonEnvCodeLocationOrigin(target, location_name="tillage"),
    )  # fmt: skip
    asked = shop.location.get_sensor_def("out_of_date")(context)
    assert (asked.tags[START], asked.tags[END]) == ("2011-01-01", "2011-01-01")
    assert shop.loads == 1, "nothing was loaded anew"
    assert shop.execute(asked, "make").success
    assert shop.made("segments.rfm") == ["2011-01"]


def test_a_growing_file_is_waited_for(shop, small_shop):
    """Half a month taken in would be made, shown, and made again."""
    shop.drop(small_shop[MONTHS[0]])
    file = shop.home / "landing" / "orders" / "till.csv"
    shop.clock[0] = file.stat().st_mtime + 2
    assert "may still be growing" in shop.ask("new_files").skip_message
    with file.open("a") as grows:
        grows.write("\n")
    assert "may still be growing" in shop.ask("new_files").skip_message
    assert isinstance(shop.ask("new_files"), dg.RunRequest), "it is as it was at the last tick"


def test_a_file_that_never_stops_growing_keeps_no_other_waiting(shop, small_shop):
    shop.drop(small_shop[MONTHS[0]], "done.csv")
    shop.drop(small_shop[MONTHS[1]], "grows.csv")
    written = (shop.home / "landing" / "orders" / "done.csv").stat().st_mtime
    shop.clock[0] = written + sensors.PATIENCE_SECONDS + 60
    growing = shop.home / "landing" / "orders" / "grows.csv"
    os.utime(growing, (shop.clock[0], shop.clock[0]))
    assert isinstance(shop.ask("new_files"), dg.RunRequest)


def test_files_taken_in_beside_one_that_is_refused_are_told_of_together(shop, small_shop):
    shop.drop(small_shop[MONTHS[0]], "good.csv")
    shop.drop("", "empty.csv")
    done = shop.execute(shop.ask("new_files"), "take_in")
    assert done.success
    [told] = [
        event.materialization.metadata["files"]
        for event in done.get_asset_materialization_events()
        if event.asset_key.path == ["landing", "files"]
    ]
    rows = {record.data["path"]: record.data for record in told.value.records}
    assert rows["orders/good.csv"]["state"] == "accepted"
    assert rows["orders/good.csv"]["reason"] is None
    assert rows["orders/empty.csv"]["state"] == "refused"
    assert "empty" in rows["orders/empty.csv"]["reason"]
    checks = {check.check_name: check.passed for check in done.get_asset_check_evaluations()}
    assert checks == {name: name != "no_file_is_refused" for name in CHECKS}


def test_a_refused_file_is_tried_again_when_settings_say_otherwise(shop, small_shop):
    head, *lines = small_shop[MONTHS[0]].splitlines()
    shop.drop("\n".join([f"{head},Currency", *(f"{line},GBP" for line in lines)]))
    assert shop.tick()[0] == ("take_in", None, None)
    assert shop.tick() == []
    (shop.home / "tillage.toml").write_text('currency = "GBP"\nnightly = "0 5 * * *"\n')
    assert shop.tick() == [("take_in", None, None), ("make", "2011-01-01", "2011-01-01")]
    assert shop.location.get_schedule_def("nightly").cron_schedule == "0 5 * * *"
    assert shop.tick() == []


def test_a_file_that_was_taken_out_and_lies_there_again_is_taken_in_again(shop, small_shop):
    shop.drop(small_shop[MONTHS[0]])
    assert shop.tick()[0] == ("take_in", None, None)
    file = shop.home / "landing" / "orders" / "till.csv"
    away = file.rename(shop.home / "till.csv")
    with open_lake(shop.home / "lake") as lake:
        forget_file(lake, shop.home / "landing", "orders/till.csv")
    shop.tick()
    away.rename(file)
    assert shop.tick()[0] == ("take_in", None, None)


def test_while_a_run_is_at_work_none_is_started_and_its_change_is_made_after_it(shop, small_shop):
    shop.drop(small_shop[MONTHS[0]], "1.csv")
    shop.execute(shop.ask("new_files"), "take_in")
    asked = shop.ask("out_of_date")
    running = shop.instance.create_run_for_job(
        shop.location.get_job("make"), status=dg.DagsterRunStatus.STARTED, tags={**asked.tags}
    )
    assert running.run_id in shop.ask("out_of_date").skip_message
    shop.drop(small_shop[MONTHS[1]], "2.csv")
    assert isinstance(shop.ask("new_files"), dg.RunRequest), "taking in waits for no making"
    shop.instance.report_run_canceled(running)
    assert [job for job, *_ in shop.tick()] == ["take_in", "make"]
    assert shop.made("segments.rfm") == ["2011-01", "2011-02"]


def test_a_run_whose_process_is_gone_is_told_so_and_tried_again(shop, small_shop):
    """Dagster would show it as running for ever, and no run would start again."""
    shop.drop(small_shop[MONTHS[0]])
    shop.execute(shop.ask("new_files"), "take_in")
    asked = shop.ask("out_of_date")
    killed = shop.instance.create_run_for_job(
        shop.location.get_job("make"), status=dg.DagsterRunStatus.STARTED, tags={**asked.tags}
    )
    (shop.home / "lake" / WORK / f"{killed.run_id}.run").touch()
    shop.clock[0] = datetime.now(UTC).timestamp()
    assert "tried again in" in shop.ask("out_of_date").skip_message
    assert shop.instance.get_run_by_id(killed.run_id).status is dg.DagsterRunStatus.FAILURE
    shop.clock[0] = (
        datetime.now(UTC).timestamp() + 61
    )  # it failed when that was told, however long ago it was asked
    again = shop.ask("out_of_date")
    assert again.tags == asked.tags
    assert again.run_key != asked.run_key, "Dagster starts no run twice for a key"
    assert shop.execute(again, "make").success
    assert shop.tick() == []


KILLED = """
import os, signal, sys
from assets import asset
from pipelines import cli
tell = asset._log_months
def killed(context, table, *told):
    if table.qualified == "core.sales_days":
        os.kill(os.getpid(), signal.SIGKILL)
    tell(context, table, *told)
asset._log_months = killed
sys.argv = ["tillage", "--home", sys.argv[1], "--quiet", "run", "--select", "+key:core/sales_days"]
cli.main()
"""


def test_what_a_killed_run_published_is_seen_all_the_same(shop, small_shop):
    """A month that was committed and not told of would look never made in the UI for ever."""
    for month in MONTHS[:2]:
        shop.drop(small_shop[month], f"{month}.csv")
    ended = subprocess.run([sys.executable, "-c", KILLED, shop.home], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert shop.made("core.sales_days") == []
    shop.tick()
    assert shop.made("core.sales_days") == ["2011-01", "2011-02"]
    runs = shop.instance.get_runs()
    assert [run.status.value for run in runs if run.job_name == "make"].count("FAILURE") == 1
    assert all(run.is_finished for run in runs)
    records = shop.instance.fetch_materializations(dg.AssetKey(["core", "sales_days"]), limit=10).records
    with open_lake(shop.home / "lake", read_only=True) as lake:
        published = read_versions(lake, ["core.sales_days"])
    for record in records:
        told = record.asset_materialization
        assert (
            told.tags["dagster/data_version"]
            == published["core.sales_days", date.fromisoformat(record.partition_key)].version
        )
    before = shop.instance.event_log_storage.get_maximum_record_id()
    assert shop.tick() == []
    assert shop.instance.event_log_storage.get_maximum_record_id() == before, "told once"


def test_what_fails_for_good_is_not_tried_again_before_something_changes(shop, small_shop, monkeypatch):
    """A broken table would else start a run every half minute."""
    shop.drop(small_shop[MONTHS[0]])
    broken = asset.make

    def fails(connection, name, *arguments, **options):
        if name == "segments.rfm":
            raise asset.TillageError("segments.rfm cannot be made: for the test.")
        return broken(connection, name, *arguments, **options)

    monkeypatch.setattr(asset, "make", fails)
    shop.tick()
    # The first run published the others: the lake is another, and what is left is tried once more by itself.
    assert len(shop.tick()) == 1
    assert shop.tick() == []
    assert "mend it, and launch it by hand" in shop.ask("out_of_date").skip_message
    shop.drop(small_shop[MONTHS[1]], "2.csv")
    assert [job for job, *_ in shop.tick()] == ["take_in", "make"]


def test_an_error_nobody_foresaw_is_tried_three_times(shop, small_shop, monkeypatch):
    shop.drop(small_shop[MONTHS[0]])
    shop.execute(shop.ask("new_files"), "take_in")
    monkeypatch.setattr(asset, "make", lambda *_, **__: 1 / 0)
    asked = shop.ask("out_of_date")
    for attempt in range(3):
        again = shop.ask("out_of_date")
        assert isinstance(again, dg.RunRequest), (attempt, again.skip_message)
        assert again.tags[CAUSE] == asked.tags[CAUSE]
        assert not shop.execute(again, "make").success
    assert "mend it" in shop.ask("out_of_date").skip_message


def test_a_refused_month_keeps_its_rows_and_holds_back_nothing_but_itself(
    shop, small_shop, monkeypatch, request
):
    from assets.make import make

    monkeypatch.setattr(asset, "make", make)
    for month in MONTHS[:2]:
        shop.drop(small_shop[month], f"{month}.csv")
    shop.tick()
    for name in FEW:
        shop.made(name)
    shop.drop(small_shop[MONTHS[1]] + GIANT, f"{MONTHS[1]}.csv")
    shop.drop(small_shop[MONTHS[2]], f"{MONTHS[2]}.csv")
    assert [job for job, *_ in shop.tick()] == ["take_in", "make"]
    assert shop.made("core.order_lines") == ["2011-03"]
    assert shop.made("segments.rfm") == ["2011-03"]
    assert shop.tick() == [], "what stands refused is not tried again"


def test_nightly_takes_in_what_is_new_and_starts_nothing_else(shop, small_shop):
    night = datetime(2011, 2, 1, 2, tzinfo=UTC)
    assert shop.at("nightly", night).skip_message == "No file in landing/ is new."
    shop.drop(small_shop[MONTHS[0]])
    assert len(shop.at("nightly", night).run_requests) == 1


def test_month_end_fits_the_month_that_ended_if_there_is_one(shop, small_shop):
    shop.drop(small_shop[MONTHS[0]])
    shop.tick()
    for at, ended in (
        (datetime(2011, 2, 1, 4, tzinfo=UTC), "2011-01-01"),
        (datetime(2011, 3, 1, 4, tzinfo=UTC), None),
    ):
        asked = shop.at("month_end", at).run_requests
        assert [request.tags.get(START) for request in asked or []] == ([ended] if ended else [])
