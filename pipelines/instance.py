"""Dagster's instance in a home: its history, with telemetry and the welcome dialog off."""

import dagster as dg

from pipelines.settings import Settings, export_environment

CONFIG = """\
# Dagster's instance of this shop. Written once: what you change stays.
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 2
# A run waits in the queue for a second, not for five: two of them stand between a new file and its figures.
run_coordinator:
  module: dagster._core.run_coordinator
  class: QueuedRunCoordinator
  config:
    dequeue_interval_seconds: 1
run_monitoring:
  enabled: true
freshness:
  enabled: true
"""
EVENT_LOG = """\
event_log_storage:
  module: resources.event_log
  class: PooledSqliteEventLogStorage
  config:
    home: {env: DAGSTER_HOME}
"""
# One that waits for a run, or writes a long page, holds up no other.
SIDE_BY_SIDE = """\
sensors:
  use_threads: true
  num_workers: 4
"""
ON_SQLITE = (
    """\
run_launcher:
  module: pipelines.launcher
  class: WarmRunLauncher
"""
    + EVENT_LOG
)
ON_POSTGRES = """\
storage:
  postgres:
    postgres_url: {env: DAGSTER_POSTGRES_URL}
"""


def prepare_instance(settings: Settings) -> None:
    """Make DAGSTER_HOME and its dagster.yaml, if they are not there, and point the environment at it."""
    settings.dagster.mkdir(parents=True, exist_ok=True)
    config = settings.dagster / "dagster.yaml"
    wanted = CONFIG + SIDE_BY_SIDE + (ON_SQLITE if settings.postgres is None else ON_POSTGRES)
    # As it was written here, for another storage, before sensors looked side by side, or before runs started from a
    # process that is kept warm.
    written = {
        CONFIG + sensors + part
        for sensors in (SIDE_BY_SIDE, "")
        for part in (ON_POSTGRES, ON_SQLITE, EVENT_LOG)
    }
    if not config.exists() or config.read_text(encoding="utf-8") in written - {wanted}:
        config.write_text(wanted, encoding="utf-8")
    export_environment(settings)


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """Open the instance of the home."""
    prepare_instance(settings)
    return dg.DagsterInstance.from_config(str(settings.dagster))
