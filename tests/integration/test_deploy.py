"""What stands in deploy/ agrees with the code, and its commands do what they say; no container engine is needed."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import jsonschema
import pytest
import yaml
from dagster._config import validate_config
from dagster._core.instance.config import dagster_instance_config_schema
from dagster._core.launcher import RunLauncher
from dagster._serdes import ConfigurableClassData
from packaging.specifiers import SpecifierSet

from pipelines.instance import CONFIG, ON_POSTGRES, SIDE_BY_SIDE
from pipelines.settings import Settings, load

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SERVICES = ("code", "webserver", "daemon")
SECRETS = {"PGPASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


def _of(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """An object of these and no others, by JSON Schema."""
    properties = {**required, **optional}
    return {
        "type": "object",
        "required": list(required),
        "properties": properties,
        "additionalProperties": False,
    }


TEXT, BOOLEAN = {"type": "string", "minLength": 1}, {"type": "boolean"}
PORT = {"type": "integer", "minimum": 1, "maximum": 65_535}
SECONDS = {"type": "integer", "minimum": 1}
QUANTITY = {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?(m|[kMGT]i?)?$"}
AMOUNTS = _of({}, cpu=QUANTITY, memory=QUANTITY)
# What is used of the values that Dagster's chart (1.13) and Kubernetes know, each with what it may hold: the chart's
# own schema is of half a megabyte and in no package. Helm lays the values over the chart's own before it judges them.
CHART = _of(
    {
        "global": _of(
            {
                "postgresqlSecretName": TEXT,
                "dagsterHome": {"type": "string", "pattern": "^/"},
                "serviceAccountName": {"type": "string"},
                "celeryConfigSecretName": {"type": "string"},
            }
        ),
        "generatePostgresqlPasswordSecret": BOOLEAN,
        "postgresql": _of(
            {
                "enabled": BOOLEAN,
                "postgresqlHost": TEXT,
                "postgresqlUsername": TEXT,
                "postgresqlDatabase": TEXT,
            },
            service=_of({"port": PORT}),
        ),
        "dagster-user-deployments": _of(
            {
                "enabled": BOOLEAN,
                "enableSubchart": BOOLEAN,
                "deployments": {
                    "type": "array",
                    "minItems": 1,
                    "items": _of(
                        {
                            "name": {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
                            "image": _of(
                                {
                                    "repository": TEXT,
                                    "tag": TEXT,
                                    "pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
                                }
                            ),
                            "port": PORT,
                        },
                        codeServerArgs={"type": "array", "items": TEXT},
                        # A number would be none to Kubernetes: what is in the environment is text.
                        env={"type": "array", "items": _of({"name": TEXT, "value": {"type": "string"}})},
                        envSecrets={"type": "array", "items": _of({"name": TEXT})},
                        volumes={
                            "type": "array",
                            "items": _of({"name": TEXT, "persistentVolumeClaim": _of({"claimName": TEXT})}),
                        },
                        volumeMounts={
                            "type": "array",
                            "items": _of({"name": TEXT, "mountPath": {"type": "string", "pattern": "^/"}}),
                        },
                        resources=_of({}, requests=AMOUNTS, limits=AMOUNTS),
                        startupProbe=_of(
                            {"enabled": BOOLEAN},
                            initialDelaySeconds={"type": "integer", "minimum": 0},
                            periodSeconds=SECONDS,
                            timeoutSeconds=SECONDS,
                            failureThreshold=SECONDS,
                        ),
                    ),
                },
            }
        ),
        "runLauncher": _of(
            {
                "type": {"const": "CustomRunLauncher"},
                "config": _of(
                    {"customRunLauncher": _of({"module": TEXT, "class": TEXT, "config": {"type": "object"}})}
                ),
            }
        ),
        "dagsterWebserver": _of({"replicaCount": {"type": "integer", "minimum": 1}}),
        "dagsterDaemon": _of(
            {"enabled": BOOLEAN},
            runMonitoring=_of({"enabled": BOOLEAN}),
            sensors=_of({"useThreads": BOOLEAN}, numWorkers={"type": "integer", "minimum": 1}),
        ),
        "telemetry": _of({"enabled": BOOLEAN}),
    }
)


def read(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


@pytest.fixture
def compose() -> Any:
    return read("compose.yaml")


@pytest.fixture
def deployment() -> Any:
    [found] = read("values.yaml")["dagster-user-deployments"]["deployments"]
    return found


def test_compose_is_valid_by_its_own_schema() -> None:
    program = shutil.which("docker-compose")
    if program is None:
        message = (
            "docker-compose is not installed: `apt-get install docker-compose` brings it; it needs no engine"
        )
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    given = {**os.environ, **dict.fromkeys(SECRETS, "x")}
    command = [program, "-f", DEPLOY / "compose.yaml", "config"]
    said = subprocess.run(command, env=given, capture_output=True, text=True, check=False, timeout=60)
    assert said.returncode == 0, said.stderr
    # Without a password nothing starts, and it says which is wanted.
    del given["PGPASSWORD"]
    said = subprocess.run(command, env=given, capture_output=True, text=True, check=False, timeout=60)
    assert said.returncode != 0
    assert "set the password of PostgreSQL" in said.stderr


def test_every_setting_that_is_named_is_one_and_its_value_is_good(
    compose: Any, deployment: Any, environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_cluster = {entry["name"]: entry["value"] for entry in deployment["env"]}
    for given in (compose["services"]["code"]["environment"], in_cluster):
        settings = {name: value for name, value in given.items() if name.startswith("TILLAGE_")}
        assert {name.removeprefix("TILLAGE_").lower() for name in settings} <= set(Settings.model_fields)
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        assert load().s3 == settings["TILLAGE_S3"]
        assert load().postgres == settings["TILLAGE_POSTGRES"]
        for name in settings:
            monkeypatch.delenv(name)


def test_no_secret_stands_in_a_file(compose: Any, deployment: Any) -> None:
    """Files are committed, mailed and shown."""
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if any(word in name for word in ("PASSWORD", "SECRET", "KEY")):
                assert re.fullmatch(r"\$\{[A-Z_]+:\?.*\}", value), name
    assert {entry["name"] for entry in deployment["env"]}.isdisjoint(SECRETS)
    assert deployment["envSecrets"] == [{"name": "tillage-secrets"}]


def test_services_share_image_home_and_port(compose: Any, deployment: Any) -> None:
    """Webserver and daemon find the code, and all of them the same home and history."""
    services = [compose["services"][name] for name in SERVICES]
    for key in ("image", "environment", "volumes"):
        assert all(service[key] == services[0][key] for service in services)
    given = services[0]["environment"]
    assert given["DAGSTER_HOME"] == f"{given['TILLAGE_HOME']}/dagster"
    assert given["DAGSTER_POSTGRES_URL"] == given["TILLAGE_POSTGRES"].replace("://", "+psycopg2://")
    assert services[0]["volumes"] == [f"shop:{given['TILLAGE_HOME']}"]
    [location] = read("workspace.yaml")["load_from"]
    command = services[0]["command"]
    assert location["grpc_server"]["host"] == "code"
    assert str(location["grpc_server"]["port"]) == command[command.index("-p") + 1] == str(deployment["port"])
    module = yaml.safe_load((ROOT / "workspace.yaml").read_text(encoding="utf-8"))["load_from"][0][
        "python_module"
    ]
    assert command[-2:] == deployment["codeServerArgs"] == ["-m", module]
    assert deployment["volumeMounts"][0]["mountPath"] == "/shop"


def test_the_image_installs_what_is_locked_on_a_python_that_is_supported() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    found = re.search(r"FROM python:(3\.\d+)-slim", text)
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "requires-python"
    ]
    assert found is not None
    assert found[1] in SpecifierSet(wanted)
    assert "--require-hashes -r requirements.lock" in text
    assert "USER tillage" in text


def test_the_values_of_the_chart_are_those_it_knows() -> None:
    jsonschema.Draft202012Validator.check_schema(CHART)
    jsonschema.validate(read("values.yaml"), CHART)


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("dagster-user-deployments.deployments.0.port", "4000"),
        ("dagster-user-deployments.deployments.0.image.pullPolicy", "Sometimes"),
        ("dagster-user-deployments.deployments.0.image.repo", "registry"),
        ("dagster-user-deployments.deployments.0.env.0.value", 2),
        ("dagster-user-deployments.deployments.0.envSecrets.0", "tillage-secrets"),
        ("dagster-user-deployments.deployments.0.resources.requests.memory", "3 GB"),
        ("dagster-user-deployments.deployments.0.codeServerArgs", "-m pipelines.definitions"),
        ("dagsterDaemon.replicas", 2),
        ("runLauncher.type", "DefaultRunLauncher"),
        ("telemetry.enabled", "no"),
    ],
)
def test_a_slip_in_the_values_is_found(path: str, wrong: Any) -> None:
    values = read("values.yaml")
    *parents, last = (int(part) if part.isdigit() else part for part in path.split("."))
    at = values
    for part in parents:
        at = at[part]
    at[last] = wrong
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, CHART)


def test_the_values_hang_together_and_make_an_instance_that_dagster_takes(deployment: Any) -> None:
    """What the chart writes into dagster.yaml is judged by Dagster only when the pods start."""
    values = read("values.yaml")
    assert {volume["name"] for volume in deployment["volumes"]} == {
        mount["name"] for mount in deployment["volumeMounts"]
    }
    given = {entry["name"]: entry["value"] for entry in deployment["env"]}
    of_history, of_lake = values["postgresql"], urlsplit(given["TILLAGE_POSTGRES"])
    assert (of_lake.hostname, of_lake.port, of_lake.username, of_lake.path) == (
        of_history["postgresqlHost"],
        of_history["service"]["port"],
        of_history["postgresqlUsername"],
        f"/{of_history['postgresqlDatabase']}",
    )
    launcher = values["runLauncher"]["config"]["customRunLauncher"]
    sensors = values["dagsterDaemon"]["sensors"]
    instance = {
        "run_launcher": launcher,
        "run_monitoring": values["dagsterDaemon"]["runMonitoring"],
        "sensors": {"use_threads": sensors["useThreads"], "num_workers": sensors["numWorkers"]},
        "telemetry": values["telemetry"],
    }
    assert validate_config(dagster_instance_config_schema(), instance).success
    assert instance["sensors"] == yaml.safe_load(SIDE_BY_SIDE)["sensors"]
    made = ConfigurableClassData(launcher["module"], launcher["class"], yaml.safe_dump(launcher["config"]))
    assert isinstance(made.rehydrate(as_type=RunLauncher), RunLauncher)


def test_the_instance_that_is_prepared_is_on_postgresql(compose: Any) -> None:
    config = yaml.safe_load(CONFIG + SIDE_BY_SIDE + ON_POSTGRES)
    assert config["storage"]["postgres"]["postgres_url"] == {"env": "DAGSTER_POSTGRES_URL"}
    assert config["telemetry"] == {"enabled": False}


@contextmanager
def started(command: list[str], given: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("w") as out:
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / command[0]), *command[1:]], env=given, stdout=out, stderr=out
        )
        try:
            yield
            assert process.poll() is None, log.read_text()
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def asked(url: str, query: str | None = None, patience: float = 120) -> Any:
    """The answer of a server, as soon as it gives one."""
    data = None if query is None else json.dumps({"query": query}).encode()
    until = time.monotonic() + patience
    while True:
        try:
            with urlopen(Request(url, data, {"Content-Type": "application/json"}), timeout=30) as answer:  # noqa: S310
                return json.load(answer)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


@pytest.mark.slow
def test_the_commands_bring_up_code_webserver_and_daemon(
    compose: Any, environment: None, postgres: str, s3: str, object_store: str, tmp_path: Path
) -> None:
    """On this machine, with a PostgreSQL and an object store of its own: a location that loads, a daemon that ticks."""
    ports = {}
    for name in ("4000", "3000"):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports[name] = str(free.getsockname()[1])
    workspace = tmp_path / "workspace.yaml"
    text = (DEPLOY / "workspace.yaml").read_text(encoding="utf-8")
    workspace.write_text(text.replace("host: code", "host: 127.0.0.1").replace("4000", ports["4000"]))
    home = tmp_path / "shop"
    (home / "landing" / "orders").mkdir(parents=True)
    given = {
        **os.environ,
        **compose["services"]["code"]["environment"],
        "TILLAGE_HOME": str(home),
        "DAGSTER_HOME": str(home / "dagster"),
        "TILLAGE_POSTGRES": postgres,
        "DAGSTER_POSTGRES_URL": postgres.replace("://", "+psycopg2://"),
        "TILLAGE_S3": s3,
        "TILLAGE_S3_ENDPOINT": object_store,
        **{name: os.environ[name] for name in SECRETS},
    }
    changed = {"0.0.0.0": "127.0.0.1", "/opt/tillage/deploy/workspace.yaml": str(workspace), **ports}  # noqa: S104
    commands = {
        name: [changed.get(word, word) for word in compose["services"][name]["command"]] for name in SERVICES
    }
    with ExitStack() as stack:
        stack.enter_context(started(commands["code"], given, tmp_path / "code.log"))
        health = [
            str(Path(sys.executable).parent / "dagster"),
            "api",
            "grpc-health-check",
            "-p",
            ports["4000"],
        ]
        until = time.monotonic() + 120
        while subprocess.run(health, env=given, capture_output=True, check=False).returncode:
            assert time.monotonic() < until, (tmp_path / "code.log").read_text()
            time.sleep(1)
        assert (home / "dagster" / "dagster.yaml").exists()
        for name in ("webserver", "daemon"):
            stack.enter_context(started(commands[name], given, tmp_path / f"{name}.log"))
        server = f"http://127.0.0.1:{ports['3000']}"
        assert "dagster_version" in asked(f"{server}/server_info")
        loaded = asked(
            f"{server}/graphql",
            "{workspaceOrError {... on Workspace {locationEntries {name loadStatus locationOrLoadError {__typename}}}}}",
        )
        [location] = loaded["data"]["workspaceOrError"]["locationEntries"]
        assert (location["name"], location["loadStatus"]) == ("tillage", "LOADED")
        assert location["locationOrLoadError"]["__typename"] == "RepositoryLocation"
        until = time.monotonic() + 120
        while True:
            health_of = asked(
                f"{server}/graphql",
                "{instance {daemonHealth {id allDaemonStatuses {daemonType healthy required}}}}",
            )
            states = health_of["data"]["instance"]["daemonHealth"]["allDaemonStatuses"]
            wanted = [state["healthy"] for state in states if state["daemonType"] in {"SENSOR", "SCHEDULER"}]
            if len(wanted) == 2 and all(wanted):
                break
            assert time.monotonic() < until, (tmp_path / "daemon.log").read_text()
            time.sleep(2)
