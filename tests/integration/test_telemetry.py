"""Traces and metrics, at a collector of the test's own."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

RUN = ("run", "--select", "key:seeds/not_goods or key:seeds/rfm_segments")


@pytest.fixture
def collector():
    """A collector that keeps what it gets, by path."""
    got = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                import gzip

                body = gzip.decompress(body)
            got.setdefault(self.path, []).append(body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    server.server_close()


def test_a_run_is_a_trace_with_a_span_for_each_step_and_tables_are_metrics(tillage, collector, monkeypatch):
    endpoint, got = collector
    monkeypatch.setenv("TILLAGE_OTLP_ENDPOINT", endpoint)
    assert tillage(*RUN).code == 0
    spans = [
        span
        for body in got["/v1/traces"]
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    by_name = {span.name: span for span in spans}
    assert by_name.keys() == {"make", "seeds.not_goods", "seeds.rfm_segments"}
    assert {span.trace_id for span in spans} == {by_name["make"].trace_id}
    for name in ("seeds.not_goods", "seeds.rfm_segments"):
        step = by_name[name]
        assert step.parent_span_id == by_name["make"].span_id
        assert by_name["make"].start_time_unix_nano <= step.start_time_unix_nano < step.end_time_unix_nano
        assert step.end_time_unix_nano <= by_name["make"].end_time_unix_nano
    metrics = {
        metric.name: {
            point.attributes[0].value.string_value: point.as_double for point in metric.gauge.data_points
        }
        for body in got["/v1/metrics"]
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    counted = tillage("query", "--format", "csv", "SELECT count(*) AS n FROM seeds.rfm_segments").out.split()[
        1
    ]
    assert metrics["tillage.rows"]["seeds.rfm_segments"] == float(counted)
    assert metrics["tillage.seconds"].keys() == {"seeds.not_goods", "seeds.rfm_segments"}


def test_a_collector_that_is_away_fails_no_run_and_holds_none_up_for_long(tillage, monkeypatch):
    monkeypatch.setenv("TILLAGE_OTLP_ENDPOINT", "http://127.0.0.1:9")
    started = time.monotonic()
    said = tillage(*RUN)
    assert said.code == 0, said.err
    assert "Traceback" not in said.err
    assert time.monotonic() - started < 60


def test_nothing_is_sent_unless_it_is_asked_for(tillage, collector):
    assert tillage(*RUN).code == 0
    assert collector[1] == {}
