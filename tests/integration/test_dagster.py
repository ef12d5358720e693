"""What a data engineer sees of the lake in Dagster: definitions, months, checks, staleness."""

import asyncio
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.definitions.freshness_evaluator import TimeWindowFreshnessPolicyEvaluator
from dagster._core.loader import LoadingContextForTest
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.test_utils import freeze_time

from assets.graph import graph
from expectations.rules import rules
from pipelines.alerts import standing
from pipelines.definitions import build, months_of
from pipelines.instance import open_instance
from pipelines.settings import Settings, load
from resources.event_log import PooledSqliteEventLogStorage
from warehouse.tables import TABLES

MONTHS = [date(2011, month, 1) for month in (1, 2, 3, 4)]
MADE = ("core.order_lines", "core.customer_months", "core.sales_days", "segments.rfm")


def drop(home, shop, months=MONTHS):
    for month in months:
        name = f"till_{month:%Y-%m}.csv"
        (home / "landing" / "orders" / name).write_text(shop[month], encoding="latin-1")


def made_from(*names):
    """The tables, and all that they are made from."""
    nodes, found, todo = graph(Path("none")).nodes, set(), list(names)
    while todo:
        name = todo.pop()
        if name in nodes and name not in found:
            found.add(name)
            todo += nodes[name].inputs
    return found


# A chain besides, which reads itself.
LOOKED_AT = made_from(*MADE, "segments.cluster_quality")
LINES = made_from("core.order_lines")


def execute(home, instance, job, first=None, last=None, tables=LOOKED_AT):
    tags = (
        {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        if first
        else {}
    )
    keys = [dg.AssetKey(name.split(".")) for name in tables] if job == "make" else None
    return (
        build(load(home), made=tables if job == "make" else ())
        .resolve_job_def(job)
        .execute_in_process(instance=instance, tags=tags, asset_selection=keys, raise_on_error=False)
    )


@pytest.fixture
def instance(home, empty_history, environment):
    shutil.copytree(empty_history, home / "dagster")
    with open_instance(load(home)) as instance:
        yield instance


def test_definitions_load_of_an_empty_home(home, environment):
    definitions = build(load(home))
    dg.Definitions.validate_loadable(definitions)
    assert {job.name for job in definitions.jobs} == {
        "take_in", "make", "rebuild", "retrain", "export", "report", "maintain",
    }  # fmt: skip
    assert {sensor.name for sensor in definitions.sensors} == {
        "new_files", "alerts", "out_of_date", "page_of_success", "page_of_failure",
    }  # fmt: skip
    assert {schedule.name for schedule in definitions.schedules} == {
        "nightly", "month_end", "weekly_report", "monthly_report", "weekly_maintenance",
    }  # fmt: skip
    jobs = definitions.get_repository_def().get_all_jobs()
    assert all(job.description for job in jobs if not job.name.startswith("__"))


def test_two_runs_go_on_at_a_time_and_none_waits_long_in_the_queue(instance):
    assert instance.run_coordinator.dequeue_interval_seconds == 1
    assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 2


def test_every_asset_has_an_owner_and_what_the_ui_filters_by(home, environment):
    assets = build(load(home)).resolve_asset_graph()
    for key in assets.get_all_asset_keys():
        node = assets.get(key)
        assert node.owners == ["team:data"]
        assert node.group_name == key.path[0]
        assert {"dagster/kind/duckdb", "partitioned_by"} <= node.tags.keys()
        if node.is_partitioned and node.is_materializable:
            # A backfill of 24 months from the UI would else be 24 runs.
            assert node.backfill_policy == dg.BackfillPolicy.single_run(), key
    clusters = assets.get(dg.AssetKey(["segments", "clusters"]))
    assert {"fitted", "dagster/kind/python"} <= clusters.tags.keys()


def test_schedules_go_by_the_shops_clock_and_report_on_what_has_ended(home, environment, monkeypatch):
    """At six in Sydney it is still Sunday in London: the week would be reported on before it had ended."""
    monkeypatch.setenv("TILLAGE_TIMEZONE", "Australia/Sydney")
    monkeypatch.setenv("TILLAGE_NIGHTLY", "30 1 * * *")
    location = build(load(home)).get_repository_def()
    assert {schedule.execution_timezone for schedule in location.schedule_defs} == {"Australia/Sydney"}
    assert location.get_schedule_def("nightly").cron_schedule == "30 1 * * *"
    assert location.get_schedule_def("weekly_maintenance").job_name == "maintain"
    for name, first, last in (
        ("weekly_report", "2011-01-24", "2011-01-30"),
        ("monthly_report", "2010-12-01", "2010-12-31"),
    ):
        schedule = location.get_schedule_def(name)
        begun = datetime(
            2011, 1, 31 if name == "weekly_report" else 1, 6, tzinfo=ZoneInfo("Australia/Sydney")
        )
        [asked] = schedule.evaluate_tick(
            dg.build_schedule_context(scheduled_execution_time=begun)
        ).run_requests
        assert asked.run_config["ops"]["write_report"]["config"] == {"first": first, "last": last}
        assert dg.validate_run_config(location.get_job(schedule.job_name), asked.run_config)


@pytest.mark.parametrize(("last", "is_awaited"), [(date(2026, 10, 1), True), (date(2026, 1, 1), False)])
def test_only_a_shop_that_trades_is_waited_for(home, environment, monkeypatch, reading, last, is_awaited):
    """A shop of 2011 would be red for ever."""
    now = replace(reading, now=datetime(2026, 11, 20))
    monkeypatch.setattr(Settings, "reading", lambda _: now)
    assets = build(load(home), seen=[date(2025, 12, 1), last]).resolve_asset_graph()
    policies = {key: assets.get(key).freshness_policy for key in assets.get_all_asset_keys()}
    assert (policies[dg.AssetKey(["segments", "rfm"])] is not None) == is_awaited
    assert policies[dg.AssetKey(["seeds", "not_goods"])] is None


@pytest.mark.usefixtures("unjudged")
def test_an_asset_is_late_by_its_age_and_the_alert_agrees(home, instance, small_shop, monkeypatch, reading):
    """A page that is red while no message came, or the other way round, is believed by nobody."""
    monkeypatch.setattr(Settings, "reading", lambda _: replace(reading, now=datetime(2011, 5, 10)))
    drop(home, small_shop)
    execute(home, instance, "take_in")
    execute(home, instance, "make", "2011-01-01", "2011-04-01", made_from("segments.rfm"))
    settings, made_at = load(home), datetime.now(UTC)
    assets = build(settings).resolve_asset_graph()

    def state(name):
        node = assets.get(dg.AssetKey(name.split(".")))
        asked = TimeWindowFreshnessPolicyEvaluator().evaluate_freshness(LoadingContextForTest(instance), node)
        return asyncio.run(asked).value

    for age, said in ((0, "PASS"), (33, "WARN"), (41, "FAIL")):
        at = made_at + timedelta(days=age)
        with freeze_time(at):
            assert state("segments.rfm") == said
            assert state("core.reviews") == "UNKNOWN", "of what has no source nothing is waited for"
        stale = {message.cause for message in standing(settings, at)}
        assert ("segments.rfm is stale" in stale) == (said == "FAIL")
        assert "core.reviews is stale" not in stale


@pytest.mark.usefixtures("unjudged")
def test_rebuild_makes_what_is_current_too_and_export_writes_it(home, instance, small_shop):
    drop(home, small_shop)
    location = build(load(home)).get_repository_def()
    location.get_job("take_in").execute_in_process(instance=instance)
    assert execute(home, instance, "make", "2011-01-01", "2011-02-01").success
    lines = dg.AssetKey(["core", "order_lines"])
    location = build(load(home)).get_repository_def()
    again = location.get_job("rebuild").execute_in_process(
        instance=instance,
        asset_selection=[lines],
        tags={
            "dagster/asset_partition_range_start": "2011-02-01",
            "dagster/asset_partition_range_end": "2011-02-01",
        },
    )
    assert [event.asset_key for event in again.get_asset_materialization_events()] == [lines]
    written = location.get_job("export").execute_in_process(
        instance=instance,
        run_config={"ops": {"write_files": {"config": {"format": "csv", "tables": ["core.order_lines"]}}}},
    )
    assert written.success
    assert [file.name for file in (home / "exports").iterdir()] == ["core.order_lines.csv"]
    assert location.get_job("maintain").execute_in_process(instance=instance).success
    refused = location.get_job("export").execute_in_process(
        instance=instance,
        run_config={"ops": {"write_files": {"config": {"tables": ["core.orders"]}}}},
        raise_on_error=False,
    )
    [failure] = [event for event in refused.all_events if event.is_step_failure]
    assert "There is no table core.orders" in failure.step_failure_data.user_failure_data.description


def test_every_table_shows_its_contract_and_every_rule_is_a_check(home, environment):
    assets = build(load(home)).resolve_asset_graph()
    for name in MADE:
        node = assets.get(dg.AssetKey(name.split(".")))
        table = TABLES[name]
        schema = node.metadata["dagster/column_schema"]
        assert [(column.name, column.type) for column in schema.columns] == list(table.shape.items())
        assert all(column.description for column in schema.columns)
        units = {column.name: column.tags.get("unit") for column in schema.columns}
        assert units == {column.name: column.unit for column in table.columns}
        assert table.grain in node.description
        assert {key.name for key in node.check_keys} == {rule.name for rule in rules(table)}


def test_dependencies_are_read_from_the_sql(home, environment):
    assets = build(load(home)).resolve_asset_graph()

    def parents(name):
        return {".".join(key.path) for key in assets.get(dg.AssetKey(name.split("."))).parent_keys}

    assert parents("core.order_lines") == {"landing.orders", "seeds.categories", "seeds.not_goods"}
    assert parents("segments.rfm") == {"core.customer_months", "core.sales_days", "seeds.rfm_segments"}


@pytest.mark.parametrize(
    ("seen", "keys"),
    [
        ([], ["2026-11-01"]),
        ([date(2010, 12, 1), date(2011, 2, 1)], ["2010-12-01", "2011-01-01", "2011-02-01"]),
        ([date(2026, 9, 1)], ["2026-09-01", "2026-10-01", "2026-11-01"]),
        ([date(2026, 11, 1), date(2027, 1, 1)], ["2026-11-01", "2026-12-01", "2027-01-01"]),
    ],
)
def test_months_reach_from_the_first_to_the_last_and_stay_open_while_a_shop_trades(
    home, environment, monkeypatch, reading, seen, keys
):
    now = replace(reading, now=datetime(2026, 11, 20))
    monkeypatch.setattr(Settings, "reading", lambda _: now)
    months = months_of(load(home), seen)
    assert months.get_partition_keys(current_time=datetime(2026, 11, 20, tzinfo=UTC)) == keys


@pytest.mark.usefixtures("unjudged")
def test_a_range_run_logs_each_month_with_its_own_version_and_nothing_stays_unsynced(
    home, instance, small_shop
):
    """One version for all months would make every later reader stale with each of them."""
    drop(home, small_shop)
    assert execute(home, instance, "take_in").success
    assert execute(home, instance, "make", "2011-01-01", "2011-04-01").success
    for name in MADE:
        key = dg.AssetKey(name.split("."))
        records = instance.fetch_materializations(key, limit=100).records
        assert sorted(record.partition_key for record in records) == [str(month) for month in MONTHS]
        versions = {record.asset_materialization.tags["dagster/data_version"] for record in records}
        assert len(versions) == len(MONTHS)
        assert any("dagster/column_lineage" in at.asset_materialization.metadata for at in records)
        assert all("dagster/partition_row_count" in at.asset_materialization.metadata for at in records)
        pictured = {at.partition_key for at in records if "picture" in at.asset_materialization.metadata}
        assert pictured == ({str(MONTHS[-1])} if name == "segments.rfm" else set())
    assert unsynced(home, instance) == set()


def unsynced(home, instance):
    assets = build(load(home)).resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, assets, LoadingContextForTest(instance))
    return {
        (name, str(month))
        for name in (*MADE, "segments.cluster_quality")
        for month in MONTHS
        if resolver.get_status(dg.AssetKey(name.split(".")), str(month)) is not StaleStatus.FRESH
    }


@pytest.mark.usefixtures("unjudged")
def test_what_is_current_is_passed_over_without_an_event(home, instance, small_shop):
    drop(home, small_shop)
    execute(home, instance, "take_in")
    execute(home, instance, "make", "2011-01-01", "2011-04-01")
    again = execute(home, instance, "make", "2011-01-01", "2011-04-01")
    assert again.success
    kinds = {event.event_type_value for event in again.all_events}
    assert not kinds & {"ASSET_MATERIALIZATION", "ASSET_OBSERVATION", "ASSET_CHECK_EVALUATION"}
    assert {event.step_key for event in again.all_events if event.is_step_success} == {
        name.replace(".", "__") for name in LOOKED_AT
    }


@pytest.mark.usefixtures("unjudged")
def test_only_what_was_made_is_logged_and_what_follows_a_passed_over_step_is_still_made(
    home, instance, small_shop
):
    """Dagster skips what follows a step without output: then a changed seed would never reach the end."""
    drop(home, small_shop)
    execute(home, instance, "take_in")
    execute(home, instance, "make", "2011-01-01", "2011-04-01")
    before = instance.event_log_storage.get_maximum_record_id()
    (home / "seeds").mkdir()
    mapping = "r,fm,segment\n" + "".join(f"{r},{fm},All\n" for r in range(1, 6) for fm in range(1, 6))
    (home / "seeds" / "rfm_segments.csv").write_text(mapping, encoding="utf-8")
    assert execute(home, instance, "make", "2011-01-01", "2011-04-01").success
    made = {
        (name, record.partition_key)
        for name in (*MADE, "seeds.rfm_segments", "seeds.not_goods")
        for record in instance.fetch_materializations(dg.AssetKey(name.split(".")), limit=100).records
        if record.storage_id > before
    }
    assert made == {("seeds.rfm_segments", None), *(("segments.rfm", str(month)) for month in MONTHS)}
    assert unsynced(home, instance) == set()


def test_a_check_stays_red_while_any_month_of_its_table_stands_refused(home, instance, small_shop):
    """A check has one state an asset: a green April must not hide a red February."""
    giant = "999999,10001,SLIP,99999999,2/3/2011 10:00,9.99,98765,United Kingdom\n"
    check = dg.AssetCheckKey(dg.AssetKey(["core", "order_lines"]), "amount_is_plausible")

    def verdict():
        record = instance.event_log_storage.get_asset_check_execution_history(check, limit=1)[0]
        return record.status.value, record.event.dagster_event.asset_check_evaluation_data.metadata

    drop(home, {**small_shop, MONTHS[1]: small_shop[MONTHS[1]] + giant}, MONTHS[:3])
    execute(home, instance, "take_in")
    assert execute(home, instance, "make", "2011-01-01", "2011-03-01", LINES).success
    state, metadata = verdict()
    assert (state, metadata["months"].value, metadata["failing rows"].value) == ("FAILED", "2011-02", 1)
    [row] = metadata["sample"].value["2011-02"]
    assert (row["invoice_id"], row["customer_id"]) == ("999999", "(personal)"), "a log outlives the rows"
    drop(home, small_shop, MONTHS[3:])
    execute(home, instance, "take_in")
    assert execute(home, instance, "make", "2011-04-01", "2011-04-01", LINES).success
    assert verdict()[0] == "FAILED"
    drop(home, small_shop, MONTHS[1:2])
    execute(home, instance, "take_in")
    assert execute(home, instance, "make", "2011-02-01", "2011-02-01", LINES).success
    assert verdict()[0] == "SUCCEEDED"


def test_a_step_whose_every_month_is_refused_fails_with_the_rule(home, instance, small_shop):
    giant = "999999,10001,SLIP,99999999,2/3/2011 10:00,9.99,,United Kingdom\n"
    drop(home, {MONTHS[1]: small_shop[MONTHS[1]] + giant}, MONTHS[1:2])
    execute(home, instance, "take_in")
    result = execute(home, instance, "make", "2011-02-01", "2011-02-01", made_from("core.customer_months"))
    assert not result.success
    (failure,) = (event for event in result.all_events if event.is_step_failure)
    assert failure.step_key == "core__order_lines"
    told = failure.step_failure_data.user_failure_data.description
    assert "2011-02: amount_is_plausible (1 row)" in told
    assert execute(
        home, instance, "make", "2011-02-01", "2011-02-01", made_from("core.customer_months")
    ).success, "what follows is made of no rows"


@pytest.mark.usefixtures("unjudged")
def test_a_backfill_is_told_of_every_month_that_it_asked_for(home, instance, small_shop):
    """It takes a month without an event for failed, and leaves out what follows: one that is current, or that no file has."""
    drop(home, small_shop, MONTHS[:2])
    execute(home, instance, "take_in")
    assert execute(home, instance, "make", "2011-01-01", "2011-02-01", LINES).success
    drop(home, {MONTHS[1]: small_shop[MONTHS[0]]}, MONTHS[1:2])  # no file has February any more
    execute(home, instance, "take_in")
    assert execute(home, instance, "make", "2011-01-01", "2011-02-01", LINES).success
    job = build(load(home)).resolve_job_def("make")
    months = ["2011-01-01", "2011-02-01"]
    asked = dict(
        zip(("dagster/asset_partition_range_start", "dagster/asset_partition_range_end"), months, strict=True)
    )
    for tags, told in (({}, []), ({"dagster/backfill": "few"}, months)):
        result = job.execute_in_process(
            instance=instance, tags={**asked, **tags}, asset_selection=[dg.AssetKey(["core", "order_lines"])]
        )
        events = list(result.get_asset_materialization_events())
        assert [event.partition for event in events] == told
    assert [event.materialization.metadata["why"].value for event in events] == [
        "it is as it was made", "no file reaches to it"
    ]  # fmt: skip
    assert events[0].materialization.metadata["dagster/partition_row_count"].value > 0
    assert events[1].materialization.metadata["dagster/partition_row_count"].value == 0


def test_checks_can_be_run_alone_and_tell_what_stands(home, instance, small_shop):
    drop(home, small_shop, MONTHS[:1])
    execute(home, instance, "take_in")
    execute(home, instance, "make", "2011-01-01", "2011-01-01", LINES)
    definitions = build(load(home))
    key = dg.AssetKey(["core", "order_lines"])
    checks = dg.define_asset_job("checks", dg.AssetSelection.checks_for_assets(key))
    job = dg.Definitions.merge(definitions, dg.Definitions(jobs=[checks])).resolve_job_def("checks")
    result = job.execute_in_process(instance=instance)
    assert result.success
    evaluated = result.get_asset_check_evaluations()
    assert {at.check_name for at in evaluated} == {rule.name for rule in rules(TABLES["core.order_lines"])}
    assert all(at.passed for at in evaluated)
    assert not result.asset_materializations_for_node("core__order_lines")


@pytest.mark.usefixtures("unjudged")
def test_the_history_is_where_dagster_keeps_it_and_readable_by_its_own_storage(home, instance, small_shop):
    """The faster storage must be left as easily as it was taken."""
    assert isinstance(instance.event_log_storage, PooledSqliteEventLogStorage)
    drop(home, small_shop, MONTHS[:1])
    run = execute(home, instance, "take_in")
    plain = SqliteEventLogStorage(str(home / "dagster" / "history" / "runs"))
    logged = plain.get_logs_for_run(run.run_id)
    assert len(logged) == len(instance.event_log_storage.get_logs_for_run(run.run_id)) > 5
    assert plain.get_latest_materialization_events([dg.AssetKey(["landing", "files"])])


def test_telemetry_and_the_welcome_dialog_are_off(instance):
    assert instance.telemetry_enabled is False
    assert instance.nux_enabled is False


def test_checks_say_what_they_hold_back_as_the_ui_means_it(home, environment):
    """Beside "non-blocking" and no more, "is not published" reads like a lie.

    Were they blocking, a step with one month refused would fail, and nothing would be made of the months that pass.
    """
    assets = build(load(home)).resolve_asset_graph()
    for name in MADE:
        for rule in rules(TABLES[name]):
            spec = assets.get_check_spec(dg.AssetCheckKey(dg.AssetKey(name.split(".")), rule.name))
            assert not spec.blocking
            if rule.severity == "error":
                assert "A month that fails is not published: the rows that it had stay." in spec.description
                assert "non-blocking in Dagster's sense" in spec.description
            else:
                assert spec.description.endswith("A warning: a month that fails is published all the same.")
