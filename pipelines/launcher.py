"""Runs start from a process that is kept warm, and as Dagster starts them where there is none."""

from pathlib import Path
from typing import Any

from dagster import DefaultRunLauncher
from dagster._core.launcher import LaunchRunContext
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import serialize_value

from pipelines import warm

TAG = "tillage/warm"


class WarmRunLauncher(DefaultRunLauncher):
    """Dagster's launcher of runs, with a process of `pipelines.warm` to fork from where one is at hand."""

    def launch_run(self, context: LaunchRunContext) -> None:
        """Start the process of a run."""
        run, origin = context.dagster_run, context.job_code_origin
        if origin is not None and warm.is_possible():
            place = warm.name(Path(self._instance.root_directory))
            self._instance.add_run_tags(run.run_id, {TAG: place})
            arguments = ExecuteRunArgs(origin, run.run_id, self._instance.get_ref(), True)
            if warm.ask(place, {"start": serialize_value(arguments), "run": run.run_id}) is not None:
                self._run_ids.add(run.run_id)
                return
        super().launch_run(context)

    def terminate(self, run_id: str) -> bool:
        """Interrupt the process of a run, so that it ends as cancelled."""
        run = self._instance.get_run_by_id(run_id)
        place = None if run is None or run.is_finished else run.tags.get(TAG)
        told = None if place is None else warm.ask(place, {"has": run_id})
        if run is not None and place is not None and told is not None and told["has"]:
            # Before the run hears of it, or it would take it for a mishap.
            self._instance.report_run_canceling(run)
            warm.ask(place, {"end": run_id})
            return True
        inherited: Any = super()
        return bool(inherited.terminate(run_id))
