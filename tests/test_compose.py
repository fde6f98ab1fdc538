"""docker-compose.yml, Dockerfile and what they mount, as far as a machine without Docker can know."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PINNED = re.compile(r"[a-z0-9./-]+:\d+\.\d+(\.\d+)?(-[a-z0-9.-]+)?")
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z_]+)")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What deploy/make-env writes."""
    file = tmp_path_factory.mktemp("env") / ".env"
    subprocess.run([ROOT / "deploy/make-env", file], check=True, capture_output=True)
    return read_environment(file)


def read_environment(file: Path) -> dict[str, str]:
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_everything_that_the_issue_names_is_there() -> None:
    always = {name for name, service in SERVICES.items() if "profiles" not in service}
    demo = {name for name, service in SERVICES.items() if service.get("profiles") == ["demo"]}
    assert always == {"access", "mosquitto", "influxdb", "postgres", "grafana", "cloud", "gateway"}
    assert demo == {"edge", "farm-sim", "town-sim"}


@pytest.mark.parametrize("name", SERVICES)
def test_service_has_a_pinned_image_a_health_check_and_a_restart_policy(name: str) -> None:
    service = SERVICES[name]
    assert PINNED.fullmatch(service["image"]), service["image"]
    assert service["restart"] == "unless-stopped"
    assert {"test", "interval", "timeout", "retries"} <= set(service["healthcheck"])
    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_mounts_exists(name: str, environment: dict[str, str]) -> None:
    for mount in SERVICES[name].get("volumes", []):
        source = re.sub(r"\$\{([A-Z_]+)[^}]*\}", lambda match: environment[match[1]], mount).split(":")[0]
        if source.startswith("."):
            assert (ROOT / source).exists(), source
        else:
            assert source in COMPOSE["volumes"], source


@pytest.mark.parametrize("name", SERVICES)
def test_service_waits_only_for_services_that_can_be_healthy_with_it(name: str) -> None:
    for other in SERVICES[name].get("depends_on", {}):
        assert "healthcheck" in SERVICES[other]
        assert set(SERVICES[other].get("profiles", [])) <= set(SERVICES[name].get("profiles", []))


def test_script_that_a_container_starts_may_be_executed() -> None:
    for name, service in SERVICES.items():
        program = service.get("entrypoint", [""])[0]
        mounts = dict(mount.split(":")[1::-1] for mount in service.get("volumes", []) if mount.startswith("./"))
        for target, source in mounts.items():
            if program.startswith(target + "/"):
                assert os.access(ROOT / source / program.removeprefix(target + "/"), os.X_OK), f"{name}: {program}"


def test_every_variable_is_made_by_make_env_and_none_has_a_default(environment: dict[str, str]) -> None:
    used = set(VARIABLE.findall(COMPOSE_TEXT))
    assert used == set(environment)
    assert len(re.findall(r"\$\{[A-Z_]+:\?run deploy/make-env first\}", COMPOSE_TEXT)) == len(
        VARIABLE.findall(COMPOSE_TEXT)
    )


def test_no_secret_stands_in_the_file() -> None:
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN|SECRET", key):
                assert VARIABLE.match(value), key
    for password in re.findall(r"://[^:/@\s]+:([^@\s]+)@", COMPOSE_TEXT):
        assert VARIABLE.match(password), password


def test_mqtt_without_tls_is_open_to_this_machine_only() -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["mosquitto"]["ports"])


def test_broker_s_files_are_written_by_one_service_and_only_read_by_the_other() -> None:
    mounts = {
        name: [m for m in service.get("volumes", []) if m.startswith("broker:")] for name, service in SERVICES.items()
    }
    assert {name: found for name, found in mounts.items() if found} == {
        "access": ["broker:/broker"],
        "mosquitto": ["broker:/broker:ro"],
    }
    assert re.search(r"--owner=1883 --group=1883 --mode=0700 /broker", DOCKERFILE)
    assert SERVICES["mosquitto"]["user"] == SERVICES["access"]["user"] == "1883:1883"


def test_make_env_writes_strong_secrets_for_the_owner_only_and_never_twice(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    subprocess.run([ROOT / "deploy/make-env", file], check=True, capture_output=True)
    before = file.read_text(encoding="utf-8")
    secrets = [value for key, value in read_environment(file).items() if re.search("PASSWORD|TOKEN", key)]
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(secrets) == len(set(secrets)) == 9
    assert all(re.fullmatch("[0-9a-f]{48}", secret) for secret in secrets)
    again = subprocess.run([ROOT / "deploy/make-env", file], check=False, capture_output=True, text=True)
    assert (again.returncode, file.read_text(encoding="utf-8")) == (1, before)
    assert "already there" in again.stderr


def test_every_build_target_is_in_the_dockerfile() -> None:
    stages = set(re.findall(r"^FROM .+ AS (\S+)$", DOCKERFILE, re.MULTILINE))
    targets = {service["build"]["target"] for service in SERVICES.values() if "build" in service}
    assert targets == {"cloud", "gateway", "edge", "sim"}
    assert targets | {"dashboards"} <= stages
    for source in re.findall(r"^FROM (\S+)|--from=(\S+)", DOCKERFILE, re.MULTILINE):
        name = source[0] or source[1]
        assert name in stages or name in ("${PYTHON_IMAGE}", "${NODE_IMAGE}"), name


def test_every_source_that_the_dockerfile_copies_exists_and_is_not_ignored() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert source.split("/")[0] in allowed, source


def test_base_images_are_pinned_and_uv_is_the_makefile_s() -> None:
    images = re.findall(r"^ARG [A-Z]+_IMAGE=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert len(images) == 2
    assert all(PINNED.fullmatch(image) for image in images)
    version = re.search(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert version
    assert f"uv=={version[1]} " in DOCKERFILE


def test_image_holds_its_own_component_only() -> None:
    installed = dict(re.findall(r"AS build-(\S+)\n(?:COPY .+\n)+RUN uv pip install (.+)$", DOCKERFILE, re.MULTILINE))
    assert installed == {
        "edge": "./link ./edge",
        "gateway": "./link ./gateway",
        "cloud": '"./link[receiver]" ./cloud',
        "sim": "./firmware-sim",
        "dashboards": "./dashboards",
    }


def test_images_run_as_nobody_special_and_without_a_shell() -> None:
    runtime = DOCKERFILE[DOCKERFILE.index("AS runtime") :]
    for stage in re.split(r"^FROM ", runtime, flags=re.MULTILINE):
        assert (re.findall(r"^USER (\S+)$", stage, re.MULTILINE) or ["10001:10001"])[-1] == "10001:10001"
    assert runtime.count("ENTRYPOINT [") == 5
    assert not re.search(r"^(ENTRYPOINT|CMD) [^\[]", runtime, re.MULTILINE)
    assert all(service["init"] and service["read_only"] for service in SERVICES.values() if "build" in service)
