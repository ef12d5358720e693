"""People hear of what went wrong, once a day, by the channels that are set, and nothing of any customer."""

import email
import json
import logging
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import duckdb
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

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


class Server(socketserver.TCPServer):
    """A server that takes letters (RFC 5321), encrypted where it has a certificate (RFC 3207); keeps what it was told."""

    def __init__(self, letters: list[str], certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Letters)
        self.letters = letters
        self.told: list[tuple[bool, str]] = []  # whether it was encrypted, and the line
        self.secure: ssl.SSLContext | None = None
        if certificate is not None:
            self.secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.secure.load_cert_chain(certificate)

    def handle_error(self, *_: Any) -> None:
        """A client that does not trust it hangs up."""


class Letters(socketserver.StreamRequestHandler):
    server: Server

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def handle(self) -> None:
        secure, is_secure = self.server.secure, False
        self.say("220 here")
        while line := self.rfile.readline().decode().strip():
            self.server.told.append((is_secure, line))
            word = line.split()[0].upper()
            if word == "EHLO" and secure and not is_secure:
                self.say("250-here\r\n250 STARTTLS")
            elif word == "EHLO":
                self.say("250-here\r\n250 AUTH PLAIN")
            elif word == "STARTTLS" and secure:
                self.say("220 go on")
                self.request = secure.wrap_socket(self.request, server_side=True)
                self.setup()
                is_secure = True
            elif word == "AUTH":
                self.say("235 welcome")
            elif word == "DATA":
                self.say("354 go on")
                lines = []
                while (more := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                    lines.append(more)
                self.server.letters.append("\n".join(lines))
                self.say("250 ok")
            else:
                self.say("221 bye" if word == "QUIT" else "250 ok")
            if word == "QUIT":
                return


@pytest.fixture
def smtp(letters: list[str]) -> Iterator[int]:
    yield from serve(Server(letters))


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this machine, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("mail") / "mail.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.mark.parametrize(
    ("offers", "is_trusted", "user", "arrives"),
    [
        (True, True, "tillage", True),
        (True, False, "tillage", False),
        (False, True, "tillage", False),
        (True, False, None, True),
        (False, False, None, True),
    ],
)
def test_a_password_is_told_to_nobody_but_a_server_that_proves_who_it_is(
    tmp_path: Path,
    certificate: Path,
    letters: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    offers: bool,
    is_trusted: bool,
    user: str | None,
    arrives: bool,
) -> None:
    """Who stands between would else take the encryption out of what the server offers, and read along."""
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    server = Server(letters, certificate if offers else None)
    served = serve(server)
    mail = Mail("127.0.0.1", next(served), "tillage@example.com", ["ann@example.com"], user, "geheim")
    Notifier(tmp_path, mail=mail).send([ONE], TODAY)
    assert next(served, None) is None  # it has ended, and told has all
    assert len(letters) == arrives
    assert ("an alert could not be sent by mail" in caplog.text) == (not arrives)
    assert [is_secure for is_secure, line in server.told if line.upper().startswith("AUTH")] == (
        [True] if user and arrives else []
    )
    of_letter = [
        is_secure for is_secure, line in server.told if line.split()[0].upper() in {"MAIL", "RCPT", "DATA"}
    ]
    assert of_letter == ([offers] * 3 if arrives else [])


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
    (orders / "none.csv").write_text("")
    (orders / "mended.csv").write_text("")
    intake()
    (orders / "mended.csv").write_text(csv_text([order_row("3")]))
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
        "orders/none.csv: refused",
        "segments.rfm is stale",
        "core.x, 2011-03: rows moved",
        "core.x, 2011-03: spread of amount moved",
    ]
    assert found[4].text == "It was 400 in the months before, and is 1,200."
    assert found[0].text.startswith("2011-02, 2011-03: ")
    assert "2 of 3 rows (66.7%)" in found[1].text
    assert "17850" not in str(found)
    assert [message.cause for message in messages(lake, quarantine_share=0.7)] == [
        "core.x: refused by rule",
        "orders/none.csv: refused",
    ]


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
