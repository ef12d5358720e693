"""Every setting, and the only reader of the environment and of tillage.toml."""

import os
import re
import tomllib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo, available_timezones

import duckdb
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from resources.notifier import Mail, Notifier
from warehouse.errors import TillageError
from warehouse.intake.headers import header_set, header_sets
from warehouse.intake.layout import Reading
from warehouse.intake.numbers import DecimalMark
from warehouse.lake import Store, open_lake

FILE = "tillage.toml"
PREFIX = "TILLAGE_"
HOME = f"{PREFIX}HOME"
# What Kubernetes tells every container of a service that is called tillage.
OF_KUBERNETES = re.compile(rf"{PREFIX}(SERVICE_(HOST|PORT)|PORT)(_.*)?")


LEAST_MEMORY_MB = 100
IN_MB = {
    "KB": 1e-3,
    "MB": 1,
    "GB": 1e3,
    "TB": 1e6,
    "KiB": 2**10 / 1e6,
    "MiB": 2**20 / 1e6,
    "GiB": 2**30 / 1e6,
    "TiB": 2**40 / 1e6,
}


def _memory(text: str) -> str:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s?([KMGT]i?B)", text)
    if not found:
        raise ValueError("a size such as 512MB or 4GB was expected")
    if float(found[1]) * IN_MB[found[2]] < LEAST_MEMORY_MB:
        raise ValueError(f"{LEAST_MEMORY_MB}MB or more was expected: DuckDB does not get far with less")
    return text


def _timezone(text: str) -> str:
    if text not in available_timezones():
        raise ValueError("the name of a time zone such as Europe/London was expected")
    return text


def _currency(text: str) -> str:
    if not re.fullmatch("[A-Z]{3}", text):
        raise ValueError("three letters of ISO 4217 such as GBP were expected")
    return text


def _postgres(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"} or not parts.path.strip("/"):
        raise ValueError("a URL such as postgresql://user@host:5432/database was expected")
    if parts.password or "password" in parts.query:
        raise ValueError(
            "a password was found in it, which would be told in logs; leave it out, and set PGPASSWORD in the "
            "environment"
        )
    return urlunsplit(parts._replace(scheme="postgresql"))


def _s3(url: str) -> str:
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\s*?\[\]]+)*/?", url):
        raise ValueError("a URL such as s3://bucket/folder was expected")
    return url.rstrip("/")


def _endpoint(url: str) -> str:
    if not re.fullmatch(r"https?://[A-Za-z0-9.-]+(:\d+)?/?", url):
        raise ValueError("a URL such as http://store:9000 was expected, without user or password")
    return url.rstrip("/")


def _headers(entries: object) -> object:
    if not isinstance(entries, (list, tuple)) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("tables were expected, each under a line [[headers]] with two brackets")
    for entry in entries:
        try:
            header_set(entry, is_own=True)
        except TillageError as error:
            raise ValueError(str(error)) from error
    return entries


def _cron(text: str) -> str:
    if len(text.split()) != 5:
        raise ValueError("five fields of cron were expected, such as 0 2 * * * for two o'clock every night")
    # Here, for to import it takes a second; what nobody sets is not looked at.
    from dagster._utils.schedules import is_valid_cron_string

    if not is_valid_cron_string(text):
        raise ValueError(
            "minute, hour, day of the month, month and day of the week in cron's words were expected, such as "
            "0 2 * * * for two o'clock every night"
        )
    return text


def _owner(text: str) -> str:
    if not re.fullmatch(r"team:\S.*|[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}", text):
        raise ValueError("an e-mail address or `team:` and a name was expected, such as team:data")
    return text


Cron = Annotated[str, AfterValidator(_cron)]


class Settings(BaseSettings):
    """One home: one shop, one currency, one time zone.

    A setting comes from the command line, else from the environment (TILLAGE_ and its name in capitals),
    else from tillage.toml in the home, else it has its default.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    home: Path = Field(
        default=Path("data"),
        description="Folder that holds the shop: landing/, lake/, dagster/, seeds/, truth/, tillage.toml.",
    )
    timezone: Annotated[str, AfterValidator(_timezone)] = Field(
        default="UTC", description="The shop's time zone: all moments are told in it, without a zone."
    )
    date_order: Literal["month_first", "day_first"] | None = Field(
        default=None,
        description="Order of day and month in dates such as 3/4/2011, for files that neither follow a known "
        "header which says it nor prove it.",
    )
    currency: Annotated[str, AfterValidator(_currency)] | None = Field(
        default=None,
        description="The shop's currency, a code of ISO 4217 such as GBP: rows that name another are quarantined, "
        "and without it a file that names any is refused.",
    )
    decimal_mark: DecimalMark | None = Field(
        default=None,
        description="The decimal mark of numbers such as 2,555, for files whose numbers do not prove it.",
    )
    headers: Annotated[tuple[dict[str, Any], ...], BeforeValidator(_headers)] = Field(
        default=(),
        description="Sets of headers of your own, `[[headers]]` each, with the keys of "
        "`warehouse/intake/orders.toml`; [how to go on](how-to-go-on.md#what-files-may-look-like) has an example.",
    )
    earliest_sale: date = Field(
        default=date(1990, 1, 1), description="Rows sold before this day are quarantined."
    )
    memory: Annotated[str, AfterValidator(_memory)] = Field(
        default="600MB",
        description="Memory that DuckDB may use in one process before it spills to disk. Python and its "
        "libraries need some 300 MB more. From 1GB on, plain CSV files of more than 32 MB are taken in twice as fast.",
    )
    threads: int | None = Field(
        default=None,
        ge=1,
        description="Threads that DuckDB, and whatever else computes, may each use in one process; all cores if not set. "
        "It sets OMP_NUM_THREADS, too, for libraries that are loaded later.",
    )
    executor: Literal["side_by_side", "in_process", "multiprocess"] = Field(
        default="side_by_side",
        description="How Dagster executes the steps of a run: side by side in two processes that are forked from the "
        "run's (on Linux; elsewhere in one), in one process, or each in its own. `tillage run` uses one.",
    )
    postgres: Annotated[str, AfterValidator(_postgres)] | None = Field(
        default=None,
        description="A PostgreSQL database that holds the lake's catalog and Dagster's history, for several machines on "
        "one home: `postgresql://user@host:5432/database`. The password comes from PGPASSWORD in the environment and "
        "never stands here.",
    )
    s3: Annotated[str, AfterValidator(_s3)] | None = Field(
        default=None,
        description="Where the files of the lake are, instead of the home: `s3://bucket/folder` in an object store. Needs "
        "`postgres`. Who may use it is found as AWS's tools find it: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the "
        "environment, a profile, the role of the machine.",
    )
    s3_endpoint: Annotated[str, AfterValidator(_endpoint)] | None = Field(
        default=None, description="Of a store other than Amazon's: `http://store:9000`."
    )
    s3_region: str | None = Field(default=None, description="Region of the bucket.")
    alert_webhook: SecretStr | None = Field(
        default=None,
        description="URL that is told of what went wrong, as JSON with `cause` and `text`; whoever knows it can write "
        "there, so set it in the environment.",
    )
    alert_slack: SecretStr | None = Field(
        default=None, description="The same for an incoming webhook of Slack's; set it in the environment."
    )
    alert_mail: str | None = Field(
        default=None, description="Addresses that alerts are mailed to, with commas between them."
    )
    alert_mail_from: str = Field(default="tillage@localhost", description="Address that they come from.")
    alert_quarantine_share: float = Field(
        default=0.05, gt=0, le=1, description="Share of a file's rows in quarantine from which on it is told."
    )
    smtp: str = Field(
        default="localhost:25", pattern=r"^[^:\s]+:\d+$", description="Server that mails them, host and port."
    )
    smtp_user: str | None = Field(default=None, description="User there, if it asks for one.")
    smtp_password: SecretStr | None = Field(
        default=None, description="Password there; set it in the environment."
    )
    keep_days: int = Field(
        default=30,
        ge=1,
        description="Days for which every snapshot of the lake can be asked; `tillage maintain` expires older ones, but "
        "none that a model or a report names.",
    )

    automatic: bool = Field(
        default=True,
        description="Whether the sensors run from the start, so that new files flow through by themselves; what is "
        "switched in the UI stays as it is switched.",
    )
    look_every: int = Field(
        default=5,
        ge=1,
        description="Seconds between two looks of the sensors at landing/ and at the lake; Dagster looks every five "
        "seconds at most.",
    )
    keep_warm: bool = Field(
        default=True,
        description="Whether the sensors keep a process at hand that has imported what runs import, so that runs start "
        "from it in a second instead of eight (Linux; half a gigabyte of memory).",
    )
    nightly: Cron = Field(
        default="0 2 * * *",
        description="When schedule `nightly` takes in files, in cron's words, in the shop's time zone.",
    )
    month_end: Cron = Field(
        default="0 4 1 * *",
        description="When schedule `month_end` fits anew what is fitted, for the month that ended.",
    )
    weekly_report: Cron = Field(
        default="0 6 * * 1", description="When schedule `weekly_report` writes of the week that ended."
    )
    monthly_report: Cron = Field(
        default="0 7 1 * *", description="When schedule `monthly_report` writes of the month that ended."
    )
    weekly_maintenance: Cron = Field(
        default="0 5 * * 0", description="When schedule `weekly_maintenance` keeps the lake small."
    )
    otlp_endpoint: str | None = Field(
        default=None,
        description="Collector of OpenTelemetry that traces and metrics of runs are sent to, such as "
        "`http://localhost:4318`; none are sent if not set.",
    )
    owner: Annotated[str, AfterValidator(_owner)] = Field(
        default="team:data",
        description="Who answers for the assets, an e-mail address or `team:` and a name; Dagster shows and filters by it.",
    )
    fresh_days: int = Field(
        default=40,
        ge=2,
        description="Days after which an asset of a shop that trades is no longer fresh; the last fifth is a warning.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put tillage.toml of the home behind the environment."""
        del dotenv_settings, file_secret_settings
        home = init_settings().get("home") or env_settings().get("home") or cls.model_fields["home"].default
        file = TomlConfigSettingsSource(settings_cls, Path(home) / FILE)
        return init_settings, env_settings, file

    @cached_property
    def root(self) -> Path:
        """The home as an absolute path."""
        return self.home.expanduser().resolve()

    @field_validator("s3")
    @classmethod
    def _shares_its_catalog(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is not None and info.data.get("postgres") is None:
            raise ValueError(
                "`postgres` was expected beside it: machines that share files must share their catalog"
            )
        return url

    @property
    def landing(self) -> Path:
        """Where people drop files, a folder a source."""
        return self.root / "landing"

    @property
    def lake(self) -> Path:
        """The warehouse."""
        return self.root / "lake"

    @property
    def seeds(self) -> Path:
        """The shop's own seed tables."""
        return self.root / "seeds"

    @property
    def exports(self) -> Path:
        """Where plain files for other programs are written."""
        return self.root / "exports"

    @property
    def dagster(self) -> Path:
        """DAGSTER_HOME."""
        return self.root / "dagster"

    def open_lake(
        self,
        *,
        read_only: bool = False,
        create: bool = True,
        as_of: int | None = None,
        reach: Sequence[Path] = (),
    ) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open the warehouse of the home."""
        return open_lake(
            self.lake,
            memory=self.memory,
            threads=self.threads,
            read_only=read_only,
            create=create,
            as_of=as_of,
            reach=reach,
            postgres=self.postgres,
            store=None if self.s3 is None else Store(self.s3, self.s3_endpoint, self.s3_region),
        )

    def notifier(self) -> Notifier:
        """Who is told of what went wrong."""
        host, port = self.smtp.split(":")
        mail = None
        if self.alert_mail is not None:
            to = [address.strip() for address in self.alert_mail.split(",")]
            mail = Mail(host, int(port), self.alert_mail_from, to, self.smtp_user, _told(self.smtp_password))
        return Notifier(self.root, _told(self.alert_webhook), _told(self.alert_slack), mail)

    def reading(self) -> Reading:
        """How files are read, as of now."""
        now = datetime.now(ZoneInfo(self.timezone)).replace(tzinfo=None)
        own = tuple(header_set(entry, is_own=True) for entry in self.headers)
        return Reading(
            (*own, *header_sets()),
            self.date_order,
            self.earliest_sale,
            now,
            timezone=self.timezone,
            currency=self.currency,
            decimal_mark=self.decimal_mark,
        )


def _told(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def load(home: Path | None = None) -> Settings:
    """Read the settings of a home.

    Raises:
        TillageError: If a value is bad, with its place and what was expected.
    """
    given: dict[str, Any] = {} if home is None else {"home": home}
    if os.environ.get(HOME) == "":  # not set, as scripts write it; else it would be the folder one stands in
        given.setdefault("home", Settings.model_fields["home"].default)
    folder = Path(given.get("home") or os.environ.get(HOME) or "data")
    place = folder / FILE
    if folder.is_file():
        raise TillageError(
            f"The home {folder} is a file, and must be a folder. Name another with --home or {HOME}."
        )
    if place.is_dir():
        raise TillageError(
            f"{place} is a folder, and must be a file of settings. Remove it, or give it another name."
        )
    try:
        return Settings(**given)
    except tomllib.TOMLDecodeError as error:
        raise TillageError(
            f"{place} is not TOML: {error}. Mend that line; docs/settings.md lists what may stand."
        ) from error
    except UnicodeDecodeError as error:
        raise TillageError(
            f"{place} is not UTF-8: {error.reason} at byte {error.start}. Save it as UTF-8; docs/settings.md lists what "
            "may stand."
        ) from error
    except SettingsError as error:
        raise TillageError(
            f"{error}: JSON was expected there. Write the tables into {FILE} of the home instead, each under a line "
            "[[headers]]; docs/settings.md lists every setting."
        ) from error
    except ValidationError as error:
        raise TillageError(_paragraph(error)) from error


def strange_variables() -> list[str]:
    """Say of each variable of the environment that looks like a setting and is none, a line each."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    told = []
    if os.environ.get(HOME) == "":
        told.append(
            f"{HOME} is set in the environment, but empty: it is taken for not set, and the home is ./data"
        )
    for name in sorted(os.environ):
        if (
            name.upper().startswith(PREFIX)
            and name.upper() not in known
            and not OF_KUBERNETES.fullmatch(name)
        ):
            nearest = get_close_matches(name.upper(), known, 1)
            meant = f"the nearest is {nearest[0]}" if nearest else "docs/settings.md lists all"
            told.append(f"{name} of the environment is passed over: there is no such setting, {meant}")
    return told


def export_environment(settings: Settings) -> None:
    """Tell Dagster's processes which home they work for, and keep every library from calling out."""
    os.environ[HOME] = str(settings.root)
    os.environ["DAGSTER_HOME"] = str(settings.dagster)
    if settings.postgres is not None:
        # The driver that Dagster brings; SQLAlchemy would look for the next one.
        os.environ["DAGSTER_POSTGRES_URL"] = settings.postgres.replace("://", "+psycopg2://", 1)
    else:
        # What Dagster stores of a run that is to be in one transaction, not in hundreds (`resources.event_log`).
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "yes"
    # Threads of OpenBLAS wait for more to do by turning in a loop for a twentieth of a second, on a core that others want:
    # as the exponent of so many cycles of the processor, 4 is the least.
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
    if settings.threads is not None:
        # Each is read once, when Polars, or a library that uses OpenMP or BLAS, is loaded.
        os.environ["POLARS_MAX_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(settings.threads)


def _paragraph(error: ValidationError) -> str:
    told = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            known = ", ".join(Settings.model_fields)
            told.append(f"there is no setting {name}; the settings are {known}")
            continue
        said = problem["msg"].removeprefix("Value error, ")
        # A table is too long to be shown, and a password is nobody's business.
        given = (
            ""
            if name in {"headers", "postgres", "s3", "s3_endpoint"} or "secret" in problem["type"]
            else f" is {problem['input']!r}"
        )
        told.append(f"{name}{given}: {said[0].lower()}{said[1:]}")
    return (
        f"A setting is wrong: {'; '.join(told)}. It stands in the environment ({PREFIX}...) or in {FILE} of the "
        "home; docs/settings.md lists every setting."
    )
