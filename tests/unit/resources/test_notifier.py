"""People hear of what went wrong, once a day, by the channels that are set, and nothing of any customer."""

import email
import json
import logging
import socketserver
import threading
from collections.abc import Callable, Iterator
from datetime import date
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.settings import load
from resources.notifier import Mail, Message, Notifier, messages
from warehouse.drift import Drift
from warehouse.records import insert
from warehouse.tables import meta

MOVED = [
    Drift("core.x", date(2011, 3, 1), None, "rows", 400, 1200),
    Drift("core.x", date(2011, 3, 1), "amount", "spread", 0, 0.4),
]
TODAY = date(2011, 12, 10)
ONE = Message("core.x: refused by rule", "2011-02: the rows that were there before stay.")


def serve(server: socketserver.BaseServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def posted() -> list[tuple[str, Any]]:
    return []


@pytest.fixture
def web(posted: list[tuple[str, Any]]) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted.append((self.path, json.loads(body)))
            self.send_response(500 if self.path == "/broken" else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    yield from serve(HTTPServer(("127.0.0.1", 0), Handler))


@pytest.fixture
def letters() -> list[str]:
    return []


@pytest.fixture
def smtp(letters: list[str]) -> Iterator[int]:
    """A server that takes letters (RFC 5321), as much of one as a client needs."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            def say(text: str) -> None:
                self.wfile.write(f"{text}\r\n".encode())

            say("220 here")
            while line := self.rfile.readline().decode().strip().upper():
                if line == "DATA":
                    say("354 go on")
                    lines = []
                    while (more := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                        lines.append(more)
                    letters.append("\n".join(lines))
                say("221 bye" if line == "QUIT" else "250 ok")
                if line == "QUIT":
                    return

    yield from serve(socketserver.TCPServer(("127.0.0.1", 0), Handler))


def test_every_channel_is_told_once_a_day(
    tmp_path: Path,
    web: int,
    smtp: int,
    posted: list[tuple[str, Any]],
    letters: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    mail = Mail("127.0.0.1", smtp, "tillage@example.com", ["ann@example.com", "bob@example.com"])
    there = f"http://127.0.0.1:{web}"
    notifier = Notifier(tmp_path, webhook=f"{there}/hook", slack=f"{there}/slack", mail=mail)
    other = Message("orders/a\nb.csv: many rows in quarantine", "3 of 10 rows.")
    with caplog.at_level(logging.WARNING, "tillage.alerts"):
        assert notifier.send([ONE, ONE, other], TODAY) == [ONE, other]
        assert notifier.send([ONE], TODAY) == []
        assert notifier.send([ONE], date(2011, 12, 11)) == [ONE]
    assert [path for path, _ in posted] == ["/hook", "/slack"] * 3
    assert posted[0][1] == {"cause": ONE.cause, "text": ONE.text}
    assert posted[1][1] == {"text": f"*{ONE.cause}* {ONE.text}"}
    first, second, _ = (email.message_from_string(letter, policy=default) for letter in letters)
    assert (first["Subject"], first["To"]) == (f"Tillage: {ONE.cause}", "ann@example.com, bob@example.com")
    assert first.get_content().strip() == ONE.text
    assert second["Subject"] == "Tillage: orders/a b.csv: many rows in quarantine"
    assert len([record for record in caplog.records if ONE.cause in record.getMessage()]) == 2


@pytest.mark.parametrize("path", ["/broken", None])
def test_a_channel_that_fails_is_tried_again_and_its_address_is_told_nowhere(
    tmp_path: Path,
    web: int,
    posted: list[tuple[str, Any]],
    caplog: pytest.LogCaptureFixture,
    path: str | None,
) -> None:
    """The address of a webhook is its password; another channel's message must not wait for it."""
    bad = f"http://127.0.0.1:{web}{path}" if path else "http://127.0.0.1:1/geheim"
    good = f"http://127.0.0.1:{web}/hook"
    assert Notifier(tmp_path, webhook=good, slack=bad).send([ONE], TODAY) == [ONE]
    assert "an alert could not be sent by slack" in caplog.text
    assert bad not in caplog.text
    assert Notifier(tmp_path, webhook=good, slack=good).send([ONE], TODAY) == [ONE]
    assert Notifier(tmp_path, webhook=good, slack=good).send([ONE], TODAY) == []
    assert [body for _, body in posted if "cause" in body] == [{"cause": ONE.cause, "text": ONE.text}]


def test_what_is_told_follows_from_the_lake_and_holds_no_customer(
    orders: Path,
    intake: Callable[[], Any],
    lake: duckdb.DuckDBPyConnection,
    csv_text: Callable[..., str],
    order_row: Callable[..., Any],
) -> None:
    (orders / "bad.csv").write_text(csv_text([order_row(), order_row(quantity="x"), order_row(quantity="y")]))
    (orders / "good.csv").write_text(csv_text([order_row("2")]))
    intake()
    refusal = {"table": "core.x", "rule": "rule", "count": 1, "sample": '[{"customer_id": "17850"}]'}
    refusal |= {"code": "", "inputs": ""}
    months = [date(2011, 2, 1), date(2011, 3, 1)]
    insert(
        lake,
        meta.REFUSALS,
        [
            *({**refusal, "severity": "error", "month": month} for month in months),
            {**refusal, "severity": "warning", "rule": "mild", "month": months[0]},
        ],
    )
    found = messages(lake, stale={"segments.rfm": 30}, moved=MOVED)
    assert [message.cause for message in found] == [
        "core.x: refused by rule",
        "orders/bad.csv: many rows in quarantine",
        "segments.rfm is stale",
        "core.x, 2011-03: rows moved",
        "core.x, 2011-03: spread of amount moved",
    ]
    assert found[3].text == "It was 400 in the months before, and is 1,200."
    assert found[0].text.startswith("2011-02, 2011-03: ")
    assert "2 of 3 rows (66.7%)" in found[1].text
    assert "17850" not in str(found)
    assert messages(lake, quarantine_share=0.7)[-1].cause == "core.x: refused by rule"


def test_the_settings_say_who_is_told_and_secrets_are_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load(tmp_path).notifier() == Notifier(tmp_path)
    monkeypatch.setenv("TILLAGE_ALERT_SLACK", "https://hooks.slack.com/geheim")
    monkeypatch.setenv("TILLAGE_SMTP_PASSWORD", "geheim")
    (tmp_path / "tillage.toml").write_text(
        'alert_mail = "a@b.c, d@e.f"\nsmtp = "mail:587"\nsmtp_user = "u"\n'
    )
    settings = load(tmp_path)
    mail = Mail("mail", 587, "tillage@localhost", ["a@b.c", "d@e.f"], "u", "geheim")
    assert settings.notifier() == Notifier(tmp_path, slack="https://hooks.slack.com/geheim", mail=mail)
    assert "geheim" not in f"{settings!r}{settings.notifier()!r}"
