"""Runs as OpenTelemetry traces and metrics, for those who watch many systems in one place: off unless set.

A run is a trace, a step a span of it; rows and seconds of every table are gauges. Told when the run has ended, of
Dagster's own log, so that a collector that is slow or away costs a run nothing.
"""

import logging

import dagster as dg

from pipelines.settings import Settings

SERVICE = "tillage"
# A collector that does not answer is given up after so long.
TIMEOUT_SECONDS = 2


def send_run(settings: Settings, instance: dg.DagsterInstance, run_id: str) -> None:
    """Send a run that has ended to the collector at `otlp_endpoint`; without one, do nothing."""
    record = instance.get_run_record_by_id(run_id)
    if settings.otlp_endpoint is None or record is None:
        return
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.trace import StatusCode, set_span_in_context

    endpoint = settings.otlp_endpoint.rstrip("/")
    run, entries = record.dagster_run, instance.all_logs(run_id)
    resource = Resource.create({"service.name": SERVICE, "tillage.home": settings.root.name})
    tracing = TracerProvider(resource=resource, shutdown_on_exit=False)
    tracing.add_span_processor(
        SimpleSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=TIMEOUT_SECONDS))
    )
    metering = MeterProvider(
        [
            PeriodicExportingMetricReader(
                OTLPMetricExporter(f"{endpoint}/v1/metrics", timeout=TIMEOUT_SECONDS),
                export_interval_millis=float("inf"),
            )
        ],
        resource=resource,
        shutdown_on_exit=False,
    )
    tracer, meter = tracing.get_tracer(SERVICE), metering.get_meter(SERVICE)
    rows = meter.create_gauge("tillage.rows", "{row}", "Rows that a run made of a table.")
    seconds = meter.create_gauge("tillage.seconds", "s", "Seconds that a run spent on a table.")
    whole = tracer.start_span(
        run.job_name,
        start_time=_nanoseconds(record.start_time or entries[0].timestamp),
        attributes={"tillage.run": run_id, "tillage.state": run.status.value},
    )
    made: dict[str, dict[str, float]] = {}
    began: dict[str, float] = {}
    for entry in entries:
        event = entry.dagster_event
        if event is None:
            continue
        step = str(event.step_key)
        if event.event_type_value == "STEP_START":
            began[step] = entry.timestamp
        elif event.event_type_value == "ASSET_MATERIALIZATION":
            at = event.step_materialization_data.materialization
            metadata = {name: value.value for name, value in at.metadata.items()}
            count = metadata.get("dagster/partition_row_count", metadata.get("dagster/row_count", 0))
            table = made.setdefault(".".join(at.asset_key.path), {"rows": 0.0, "seconds": 0.0})
            table["rows"] += float(str(count))
            table["seconds"] += float(str(metadata.get("seconds", 0)))
        elif event.event_type_value in {"STEP_SUCCESS", "STEP_FAILURE"} and step in began:
            span = tracer.start_span(
                step.replace("__", "."), set_span_in_context(whole), start_time=_nanoseconds(began.pop(step))
            )
            if event.is_step_failure:
                span.set_status(StatusCode.ERROR)
            span.end(_nanoseconds(entry.timestamp))
    if run.status is dg.DagsterRunStatus.FAILURE:
        whole.set_status(StatusCode.ERROR)
    whole.end(_nanoseconds(record.end_time or entries[-1].timestamp))
    for name, of in made.items():
        rows.set(of["rows"], {"tillage.table": name})
        seconds.set(of["seconds"], {"tillage.table": name})
    # What it cannot send it logs, at length and over again; one line is enough.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    tracing.shutdown()
    metering.force_flush(1_000 * TIMEOUT_SECONDS)
    metering.shutdown(1_000 * TIMEOUT_SECONDS)


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
