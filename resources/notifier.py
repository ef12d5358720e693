"""Tell people what went wrong: to the log, a webhook, Slack or by e-mail; of a cause once a day, and of no customer."""

import fcntl
import json
import logging
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from email.message import EmailMessage
from pathlib import Path

import duckdb

from warehouse.drift import Drift
from warehouse.records import read_refusals
from warehouse.words import counted

SENT = "alerts.json"  # in the home: of each channel and cause the day it was last told
SECONDS = 10
log = logging.getLogger("tillage.alerts")


@dataclass(frozen=True, slots=True)
class Message:
    """What is told: the cause, which is told once a day, and a sentence or two. Neither holds a value of a row."""

    cause: str
    text: str


@dataclass(frozen=True, slots=True)
class Mail:
    """How e-mail leaves: host and port of the server, user and password if it asks, from whom and to whom."""

    host: str
    port: int
    sender: str
    to: Sequence[str]
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Notifier:
    """Sends messages by every channel that is set; the log is always one.

    Attributes:
        home: Folder of the shop, which remembers what was told.
        webhook: URL that takes JSON with `cause` and `text`.
        slack: URL of an incoming webhook of Slack's.
        mail: How e-mail leaves.
    """

    home: Path
    webhook: str | None = field(default=None, repr=False)
    slack: str | None = field(default=None, repr=False)
    mail: Mail | None = None

    def send(self, messages: Sequence[Message], today: date) -> list[Message]:
        """Tell what was not told today; give what some channel was told now.

        A channel that fails is logged, by its name and the kind of error alone, and tried again the next time.
        """
        if not messages:
            return []
        told: list[Message] = []
        with (self.home / f".{SENT}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            file = self.home / SENT
            known = json.loads(file.read_text()) if file.exists() else {}
            sent: dict[str, str] = {key: day for key, day in known.items() if day == str(today)}
            for message in messages:
                for name, channel in self._channels().items():
                    key = f"{name}: {message.cause}"
                    if key in sent:
                        continue
                    try:
                        channel(message)
                    except (OSError, smtplib.SMTPException) as error:
                        # Its text may hold the URL, which is a secret.
                        log.error("an alert could not be sent by %s: %s", name, type(error).__name__)
                        continue
                    sent[key] = str(today)
                    if message not in told:
                        told.append(message)
            aside = file.with_name(f".{SENT}")
            aside.write_text(json.dumps(sent, indent=1))
            aside.replace(file)
        return told

    def _channels(self) -> Mapping[str, Callable[[Message], None]]:
        channels: dict[str, Callable[[Message], None]] = {"log": _log}
        if self.webhook is not None:
            channels["webhook"] = lambda message: _post(
                self.webhook, {"cause": message.cause, "text": message.text}
            )
        if self.slack is not None:
            channels["slack"] = lambda message: _post(
                self.slack, {"text": f"*{message.cause}* {message.text}"}
            )
        if self.mail is not None:
            channels["mail"] = lambda message: _mail(self.mail, message)
        return channels


def failure(run: str, step: str) -> Message:
    """What is told of a run that failed at a step."""
    return Message(
        f"run {run} failed",
        f"It failed at {step}. Its page in the UI tells why; start it again when that is mended.",
    )


def messages(
    connection: duckdb.DuckDBPyConnection,
    *,
    quarantine_share: float = 0.05,
    stale: Mapping[str, int] | None = None,
    moved: Sequence[Drift] = (),
    unusual: Sequence[tuple[date, float, float]] = (),
    fallen: Sequence[tuple[date, str, str, float, float]] = (),
) -> list[Message]:
    """Give what there is to be told of the lake as it stands.

    Args:
        connection: A connection to the lake.
        quarantine_share: The share of a file's rows in quarantine from which on it is told, 0 to 1.
        stale: Of each asset that is stale for longer than it should be, the hours.
        moved: What `warehouse.drift` found.
        unusual: Days of the shop's total that stand out, newest of all, each with what was expected and what came.
        fallen: Month, what is measured (rating, sentiment) and of what, of reviews that fell beyond chance, with the
            mean before and now.
    """
    found: list[Message] = []
    for name, refusals in read_refusals(connection).items():
        rules: dict[str, list[date | None]] = {}
        for refusal in refusals:
            if refusal.finding.severity == "error":
                rules.setdefault(refusal.finding.rule, []).append(refusal.finding.month)
        for rule, months in rules.items():
            told = ", ".join(f"{month:%Y-%m}" for month in months if month) or "all of it"
            found.append(
                Message(
                    f"{name}: refused by {rule}",
                    f"{told}: the rows that were there before stay. `tillage status` names them, its check shows them.",
                )
            )
    for path, read, quarantined in connection.execute(
        "SELECT path, rows_read, rows_quarantined FROM landing.files "
        "QUALIFY arrival = max(arrival) OVER (PARTITION BY path) "
        "AND rows_quarantined > ? * rows_read ORDER BY path",
        [quarantine_share],
    ).fetchall():
        found.append(
            Message(
                f"{path}: many rows in quarantine",
                f"{quarantined:,} of {counted(read, 'row')} ({quarantined / read:.1%}) could not be taken in: "
                "`SELECT * FROM landing.quarantine` has their reasons.",
            )
        )
    for (path,) in connection.execute(
        "SELECT path FROM landing.files "
        "QUALIFY arrival = max(arrival) OVER (PARTITION BY path) AND state = 'refused' ORDER BY path"
    ).fetchall():
        found.append(
            Message(
                f"{path}: refused",
                "Nothing of the file is taken in: `tillage status` tells why, and what would do.",
            )
        )
    found += [
        Message(f"{name} is stale", f"Nothing was made of it for {hours:,} hours: did a file stay away?")
        for name, hours in (stale or {}).items()
    ]
    found += [
        Message(
            f"{one.table}, {one.month:%Y-%m}: {one.what}{'' if one.column is None else f' of {one.column}'} moved",
            f"It was {one.before:,.4g} in the months before, and is {one.now:,.4g}."
            if one.what != "spread"
            else f"Its values are spread otherwise than in the months before: stability index {one.now:.2f}.",
        )
        for one in moved
    ]
    found += [
        Message(f"{day} stands out", f"Sales of the day were {came:,.0f}, and {expected:,.0f} were expected.")
        for day, expected, came in unusual
    ]
    found += [
        Message(
            f"{month:%Y-%m}: {measure} of {subject} fell",
            f"It was {before:.2f}, and is {now:.2f}: `SELECT * FROM sentiment.alerts WHERE is_alert` has it all.",
        )
        for month, measure, subject, before, now in fallen
    ]
    return found


def _log(message: Message) -> None:
    log.warning("%s. %s", _one_line(message.cause), message.text)


def _post(url: str | None, body: Mapping[str, str]) -> None:
    if url is None or not url.startswith(("https://", "http://")):
        raise urllib.error.URLError("no web address")
    request = urllib.request.Request(  # noqa: S310 - looked at above
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=SECONDS):  # noqa: S310 - the same
        pass


def _mail(mail: Mail | None, message: Message) -> None:
    if mail is None:
        return
    letter = EmailMessage()
    letter["Subject"] = f"Tillage: {_one_line(message.cause)}"
    letter["From"], letter["To"] = mail.sender, ", ".join(mail.to)
    letter.set_content(message.text)
    # Whom a password is told must prove who it is; mail servers among themselves often have nothing to prove it with.
    secure = ssl.create_default_context()
    if mail.user is None:
        secure.check_hostname, secure.verify_mode = False, ssl.CERT_NONE
    with (
        smtplib.SMTP_SSL(mail.host, mail.port, timeout=SECONDS, context=secure)
        if mail.port == smtplib.SMTP_SSL_PORT
        else smtplib.SMTP(mail.host, mail.port, timeout=SECONDS)
    ) as server:
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=secure)
            server.ehlo()
        elif mail.user is not None and mail.port != smtplib.SMTP_SSL_PORT:
            raise smtplib.SMTPNotSupportedError(
                "the server offers no encryption, and a password is not told without"
            )
        if mail.user is not None:
            server.login(mail.user, mail.password or "")
        server.send_message(letter)


def _one_line(text: str) -> str:
    """A path of a file may stand in it, and hold a line break."""
    return " ".join(text.split())
