"""Steps of a run side by side, in processes that are forked from the run's and stay until it is over.

Dagster's own executors make steps one after the other in the process of the run, or start a process for each, which
costs more than most steps of a month. Here a few processes open the lake once, and each makes whatever step is next.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection, Pipe, wait
from time import sleep
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterSubprocessError
from dagster._core.execution.compute_logs import create_compute_log_file_key
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.context_creation_job import PlanExecutionContextManager
from dagster._core.execution.plan.active import ActiveExecution
from dagster._core.execution.plan.execute_plan import dagster_event_sequence_for_step
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.execution.retries import RetryMode, get_retries_config
from dagster._core.executor.base import Executor
from dagster._core.executor.in_process import InProcessExecutor
from dagster._utils import get_run_crash_explanation
from dagster._utils.error import serializable_error_info_from_exc_info
from dagster._utils.interrupts import capture_interrupts
from dagster_shared.error import SerializableErrorInfo

from assets.threads import allowed, at_most
from pipelines.warm import forked, is_possible

# Dagster tells no types of these.
RETRIES: Any = get_retries_config
LOG_FILE: Any = create_compute_log_file_key
UNABLE: Any = DagsterSubprocessError

# How the step of a worker ends.
ENDS = {
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.STEP_UP_FOR_RETRY,
}

# Each may take as much memory as one alone would: not as many as there are cores, where nobody asks for it.
PROCESSES = 2
LOOK_SECONDS = 0.5


@dg.executor(
    name="side_by_side",
    config_schema={
        "max_concurrent": dg.Field(
            int, default_value=PROCESSES, description="In how many processes; no more than there are cores."
        ),
        "retries": RETRIES(),
    },
)
def side_by_side_executor(context: dg.InitExecutorContext) -> Executor:
    """Make steps side by side; where no process can be forked, or one is enough, in the process of the run."""
    given: Any = context.executor_config
    retries = RetryMode.from_config(given["retries"]) or RetryMode.ENABLED
    return SideBySide(retries, min(given["max_concurrent"], allowed()))


class SideBySide(Executor):
    """Gives each step that may be made to a process that is free."""

    def __init__(self, retries: RetryMode, processes: int) -> None:
        self._retries = retries
        self._processes = processes

    @property
    def retries(self) -> RetryMode:
        """What becomes of a step that asks to be tried again."""
        return self._retries

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Make the steps of a plan, each after those that it follows from.

        Raises:
            DagsterExecutionInterruptedError: If the run is cancelled, once what was being made has ended.
            DagsterSubprocessError: If a process can make no step at all, as where the lake cannot be opened.
        """
        instance, steps = plan_context.instance, execution_plan.step_keys_to_execute
        if min(self._processes, len(steps)) < 2 or not is_possible() or instance.is_ephemeral:
            yield from InProcessExecutor(self._retries).execute(plan_context, execution_plan)
            return
        logs = instance.compute_log_manager
        log_key = logs.build_log_key_for_run(plan_context.run_id, LOG_FILE())
        workers: list[_Worker] = []
        with ExitStack() as stack:
            # What the processes print goes where this one's does.
            captured = stack.enter_context(logs.capture_logs(log_key))
            yield dg.DagsterEvent.capture_logs(plan_context, steps, log_key, captured)
            claims = stack.enter_context(InstanceConcurrencyContext(instance, plan_context.dagster_run))
            active = stack.enter_context(
                ActiveExecution(execution_plan, self._retries, instance_concurrency_context=claims)
            )
            stack.callback(lambda: [worker.end() for worker in workers])
            while not active.is_complete:
                if active.check_for_interrupts():
                    raise dg.DagsterExecutionInterruptedError
                self._hand_out(plan_context, active, workers)
                yield from active.concurrency_event_iterator(plan_context)
                for worker in _heard(workers):
                    yield from self._told(worker, plan_context, active, workers)
                yield from active.plan_events_iterator(plan_context)

    def _hand_out(
        self, run: PlanOrchestrationContext, active: ActiveExecution, workers: list["_Worker"]
    ) -> None:
        """Give the steps that may be made to workers that are free, and to new ones."""
        at_work = sum(worker.step is not None for worker in workers)
        steps = active.get_steps_to_execute(self._processes - at_work)
        for step in steps:
            worker = next((one for one in workers if one.step is None), None)
            if worker is None:
                worker = _Worker(run, workers)
                workers.append(worker)
            worker.begin(step.key, active.get_known_state(), at_work + len(steps))

    def _told(
        self,
        worker: "_Worker",
        run: PlanOrchestrationContext,
        active: ActiveExecution,
        workers: list["_Worker"],
    ) -> Iterator[dg.DagsterEvent]:
        """Take note of what a worker tells: an event, that its step is over (None), or why it cannot work."""
        while worker.pipe.poll():
            try:
                told = worker.pipe.recv()
            except (EOFError, ConnectionError):  # the latter if it had not read what it was asked for
                workers.remove(worker)
                yield from self._lost(worker, run, active)
                return
            if isinstance(told, SerializableErrorInfo):
                raise UNABLE(told.to_string(), subprocess_error_infos=[told])
            if told is None:
                worker.is_over(run, active)
            else:
                worker.told += [told] if told.step_key is not None else []
                yield told

    def _lost(
        self, worker: "_Worker", run: PlanOrchestrationContext, active: ActiveExecution
    ) -> Iterator[dg.DagsterEvent]:
        """What becomes of the step of a worker that was killed, or crashed."""
        code, step = worker.end(), worker.step
        if step is not None and not any(event.event_type in ENDS for event in worker.told):
            said = get_run_crash_explanation(f"The process that made {step}", code)
            error = SerializableErrorInfo(said, [], DagsterSubprocessError.__name__)
            context = run.for_step(active.get_step_by_key(step))
            event = self.log_failure_or_retry_event_after_error(context, error, active.get_known_state())
            worker.told.append(event)
            yield event
        worker.is_over(run, active)


class _Worker:
    """A process that makes one step after the other; `step` is the one that it makes now, of which it has `told`."""

    def __init__(self, run: PlanOrchestrationContext, others: list["_Worker"]) -> None:
        self.step: str | None = None
        self.told: list[dg.DagsterEvent] = []
        self.pipe, asked = Pipe()
        self._process = forked(lambda: _work(asked, run), (self.pipe, *(other.pipe for other in others)))
        asked.close()

    def begin(self, step: str, known: KnownExecutionState, beside: int) -> None:
        """Ask for a step, which is one of so many that share the machine."""
        self.step = step
        with suppress(ConnectionError):  # it is gone, which is seen when it is heard
            self.pipe.send((step, known, beside))

    def is_over(self, run: PlanOrchestrationContext, active: ActiveExecution) -> None:
        """Take note of what was told of its step; not before, or what follows would find it at work still."""
        for event in self.told:
            active.handle_event(event)
        if self.step is not None:
            active.verify_complete(run, self.step)
        self.step, self.told = None, []

    def end(self) -> int:
        """Wait until it has ended, what it makes is interrupted; give its exit code."""
        if self.step is not None:
            os.kill(self._process, signal.SIGINT)
        with suppress(EOFError, OSError):
            self.pipe.send(None)
            while True:  # what it still tells is in Dagster's log
                self.pipe.recv()
        self.pipe.close()
        return os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])


def _heard(workers: list[_Worker]) -> list[_Worker]:
    """Wait until a worker tells something, or is gone, for a moment at most."""
    if not workers:
        sleep(LOOK_SECONDS)
        return []
    ready = wait([worker.pipe for worker in workers], LOOK_SECONDS)
    return [worker for worker in workers if worker.pipe in ready]


def _work(asked: Connection, run: PlanOrchestrationContext) -> None:
    """Make the steps that are asked for, and tell what happens to the process that asks."""
    try:
        with capture_interrupts():
            _make_steps(asked, run)
    except (EOFError, ConnectionError, dg.DagsterExecutionInterruptedError):
        return  # nobody asks any more
    except Exception:  # noqa: BLE001 - whatever it is, the process of the run is sent it, and fails with it
        asked.send(serializable_error_info_from_exc_info(sys.exc_info()))


def _make_steps(asked: Connection, run: PlanOrchestrationContext) -> None:
    plan: Any = run.execution_plan
    manager = PlanExecutionContextManager(
        job=run.job,
        execution_plan=plan,
        run_config=run.run_config,
        dagster_run=run.dagster_run,
        instance=run.instance,
        retry_mode=run.retry_mode.for_inner_plan(),
    )
    for event in manager.prepare_context():
        asked.send(event)
    context = manager.get_context()
    try:
        while (told := asked.recv()) is not None:
            step, known, beside = told
            step_context: Any = context.for_step(plan.get_step_by_key(step), known)
            if step_context.step.step_inputs:
                # Each month is told with the versions of what it was made from (`assets.asset`): Dagster would look for them
                # again, for an output of which nothing is told.
                step_context.fetch_external_input_asset_version_info = lambda: None
            with at_most(max(1, allowed() // beside)):
                for event in dagster_event_sequence_for_step(step_context):
                    asked.send(event)
            asked.send(None)
    finally:
        for event in manager.shutdown_context():
            asked.send(event)
