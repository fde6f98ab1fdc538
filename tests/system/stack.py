"""The demo's own processes, started one by one so that a test may kill each of them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from tests import servers
from tonnam_cloud.main import app as tonnam_cloud
from tonnam_demo import plan
from tonnam_demo.children import ChildSpec
from tonnam_demo.credentials import Credentials
from tonnam_demo.plan import Plan, Ports

PASSWORD = "a-password-for-tests"
USER = "farmer"


def plan_in(home: Path, broker: str, *, speed: float = 20) -> Plan:
    """The demo's plan with all ports free, on a broker of the test's."""
    ports = Ports(*(servers.free_port() for _ in range(5)))
    credentials = Credentials("", "", "", "", PASSWORD)
    return Plan(home, servers.HOST, servers.free_port(), speed, 1, ports, credentials, broker)


@dataclass
class Stack:
    """Cloud, simulators, edge and gateway of one plan. `environment` goes to all of them; `hurried` tells often."""

    plan: Plan
    environment: Mapping[str, str] = field(default_factory=dict)
    hurried: bool = False
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        specs = [plan.cloud_child(self.plan), *plan.field_children(self.plan, "")]
        self.specs: dict[str, ChildSpec] = {spec.name: spec for spec in specs}
        if self.hurried:
            self._hurry()

    def _hurry(self) -> None:
        """Readings every second instead of every few: copies of the site files that say so."""
        self.specs["town-sim"].command.extend(["--every", "1"])
        for name, site in (("edge", plan.FARM_SITE), ("gateway", plan.TOWN_SITE)):
            text, changed = re.subn(
                r"^((?:send_)?every_s|send_s) = [0-9.]+", r"\1 = 1.0", site.read_text(), flags=re.M
            )
            assert changed == 2, f"{site} has {changed} beats"
            text = re.sub(r'^at = "sun[^"]*"', f'at = "{_in_half_a_day():%H:%M}"', text, flags=re.M)
            hours = f'between = ["{_in_half_a_day():%H:00}", "{_in_half_a_day():%H:59}"]'
            text = text.replace('kind = "balance"\nzone', f'kind = "balance"\n{hours}\nzone')
            copy = self.plan.home / site.name
            copy.write_text(text)
            command = self.specs[name].command
            command[command.index(str(site))] = str(copy)

    @property
    def url(self) -> str:
        return f"http://{self.plan.web_host}:{self.plan.web_port}"

    def log(self, name: str) -> Path:
        return self.plan.home / f"{name}.log"

    def register(self) -> None:
        """Two nodes and one farmer, as the demo does."""
        tenants = ("demo-farm", "demo-town")
        for tenant, node in (plan.FARM, plan.TOWN):
            self._tell(["node", "add", tenant, node, "--name-th", tenant, "--name-en", tenant])
        words = [word for tenant in tenants for word in ("--tenant", tenant)]
        self._tell(["user", "add", USER, *words, "--role", "farmer", "--password-stdin"], PASSWORD)
        cloud_key = self._tell(["keys", "public", "--make"]).strip()
        for spec in plan.field_children(self.plan, cloud_key):
            self.specs[spec.name] = replace(self.specs[spec.name], environment=spec.environment)

    def _tell(self, command: list[str], stdin: str = "") -> str:
        """What `tonnam-cloud` says to a command; run in this process, for each of its own takes half a second."""
        environment = {**plan.cloud_environment(self.plan), **self.environment}
        said = CliRunner().invoke(tonnam_cloud, command, input=stdin, env=environment)
        assert said.exit_code == 0, said.output
        return said.stdout

    def start(self, *names: str) -> None:
        for name in names:
            spec = self.specs[name]
            environment = {**os.environ, **spec.environment, **self.environment}
            with self.log(name).open("ab") as log:
                self.running[name] = subprocess.Popen(spec.command, env=environment, stdout=log, stderr=log)

    def start_all(self) -> None:
        """Everything, and wait until the page answers and both nodes have been heard."""
        self.register()
        self.start(*self.specs)
        servers.wait_until(self.healthy, f"the cloud; {self.said('cloud')}", 30)

    def healthy(self) -> bool:
        self.check_alive()
        try:
            with urllib.request.urlopen(f"{self.url}/api/health", timeout=2) as answer:
                return bool(json.load(answer)["status"] == "ok")
        except OSError:
            return False

    def check_alive(self) -> None:
        """AssertionError when a process has ended by itself."""
        for name, process in self.running.items():
            assert process.poll() is None, f"{name} ended with {process.returncode}: {self.said(name)}"

    def said(self, name: str) -> str:
        path = self.log(name)
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    def kill(self, name: str) -> None:
        """As when the power goes."""
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def stop(self, name: str) -> int:
        """SIGTERM; the exit code."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def stop_all(self) -> None:
        for name in ("edge", "gateway", "farm-sim", "town-sim", "cloud"):
            if name in self.running and self.running[name].poll() is None:
                self.stop(name)


def _in_half_a_day() -> datetime:
    """A time of day in Thailand at which no test runs, so that no program waters in one."""
    return datetime.now(timezone(timedelta(hours=19)))


class Client:
    """A browser's session with the API, without a browser."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())

    def sign_in(self) -> None:
        self.post("/api/session", {"username": USER, "password": PASSWORD})

    def get(self, path: str) -> Any:
        with self._opener.open(self._url + path, timeout=10) as answer:
            return json.load(answer)

    def post(self, path: str, body: object) -> Any:
        headers = {"Content-Type": "application/json", "X-Tonnam": "1"}
        request = urllib.request.Request(self._url + path, json.dumps(body).encode(), headers)
        with self._opener.open(request, timeout=10) as answer:
            return json.load(answer)


@contextmanager
def running(stack: Stack) -> Iterator[Stack]:
    """The whole stack, ended in order when the block is left."""
    try:
        stack.start_all()
        yield stack
    finally:
        stack.stop_all()


def wait_for(seconds: float) -> None:
    """Let real time pass, where the passing of time is what is tested."""
    time.sleep(seconds)
