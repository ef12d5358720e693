"""Dagster's instance in a home: its history, with telemetry and the welcome dialog off."""

import dagster as dg

from pipelines.settings import Settings, export_environment

CONFIG = """\
# Dagster's instance of this shop. Written once: what you change stays.
telemetry:
  enabled: false
nux:
  enabled: false
event_log_storage:
  module: resources.event_log
  class: PooledSqliteEventLogStorage
  config:
    home: {env: DAGSTER_HOME}
concurrency:
  runs:
    max_concurrent_runs: 2
run_monitoring:
  enabled: true
freshness:
  enabled: true
"""


def prepare_instance(settings: Settings) -> None:
    """Make DAGSTER_HOME and its dagster.yaml, if they are not there, and point the environment at it."""
    settings.dagster.mkdir(parents=True, exist_ok=True)
    config = settings.dagster / "dagster.yaml"
    if not config.exists():
        config.write_text(CONFIG, encoding="utf-8")
    export_environment(settings)


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """Open the instance of the home."""
    prepare_instance(settings)
    return dg.DagsterInstance.from_config(str(settings.dagster))
