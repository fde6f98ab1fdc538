"""Starts the demo's processes in order, watches them, and ends them with the valves off."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from tonnam_cloud.errors import CloudError
from tonnam_demo import broker, plan
from tonnam_demo.children import Child, ChildSpec
from tonnam_demo.plan import Plan
from tonnam_demo.registering import USER, register
from tonnam_demo.screen import Screen, address_on_the_network
from tonnam_demo.surroundings import CannotStart

LOW_BYTES = 100_000_000
SPACE_EVERY_S = 30.0
READY_TIMEOUT_S = 45.0


class Conductor:
    """One run of the demo. `stop` may be set from a signal handler at any time."""

    def __init__(self, chosen: Plan, screen: Screen, login_is_new: bool) -> None:
        self.plan = chosen
        self.screen = screen
        self.stop = asyncio.Event()
        self._login_is_new = login_is_new
        self._children: list[Child] = []
        self._logs = chosen.home / "log"

    async def run(self) -> int:
        """Start everything, show the page, wait for `stop`, end everything. The exit code."""
        async with asyncio.TaskGroup() as tasks:
            try:
                if await self._start_all(tasks):
                    await self._show_page()
                    space = tasks.create_task(self._watch_space())
                    await self.screen.keep(self._children, self.stop)
                    space.cancel()
            finally:
                clean = await self._end_all()
        return 0 if clean else 1

    async def _start_all(self, tasks: asyncio.TaskGroup) -> bool:
        """Broker, cloud, then field, edge and gateway; False when `stop` came first."""
        cloud_key = await self._register()
        if self.plan.external_broker is None:
            config = self.plan.home / "nats.conf"
            broker.write_config(config, nats_port=self.plan.ports.nats)
            await self._start(tasks, plan.broker_child(self.plan, config), listening=self.plan.ports.mqtt)
            await self._start(tasks, plan.access_child(self.plan))
        self._tell_field_broker()
        await self._start(tasks, plan.cloud_child(self.plan), listening=None, health=True)
        for spec in plan.field_children(self.plan, cloud_key):
            await self._start(tasks, spec)
        return not self.stop.is_set()

    async def _start(
        self, tasks: asyncio.TaskGroup, spec: ChildSpec, *, listening: int | None = None, health: bool = False
    ) -> None:
        if self.stop.is_set():
            return
        port = self.plan.web_port

        async def ready() -> bool:
            if health:
                return await asyncio.to_thread(_healthy, f"http://127.0.0.1:{port}/api/health")
            return listening is None or _listens(listening)

        child = Child(
            ChildSpec(spec.name, spec.command, spec.environment, ready, spec.stop_timeout_s),
            self._logs,
            self.screen.say,
        )
        self._children.append(child)
        tasks.create_task(child.run())
        await self._until_ready(child)

    async def _until_ready(self, child: Child) -> None:
        waits = [asyncio.ensure_future(child.is_ready.wait()), asyncio.ensure_future(self.stop.wait())]
        await asyncio.wait(waits, timeout=READY_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if not (child.is_ready.is_set() or self.stop.is_set()):
            self.screen.say(f"{child.spec.name} is not ready after {READY_TIMEOUT_S:g} s; going on without it")

    def _tell_field_broker(self) -> None:
        """Keep the address at which town devices speak in a file, for `tonnam-sim replay` and for curious people."""
        path = self.plan.home / "field-broker"
        path.touch(mode=0o600)
        path.write_text(self.plan.broker_url("field", self.plan.credentials.field) + "\n")

    async def _register(self) -> str:
        """Tell the cloud who may speak; its public key."""
        try:
            return await asyncio.to_thread(register, self.plan, self._login_is_new)
        except CloudError as error:
            raise CannotStart(str(error)) from error

    async def _cloud(self, command: Sequence[str], stdin: str = "") -> str:
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**os.environ, **plan.cloud_environment(self.plan)},
            start_new_session=True,  # Ctrl-C in the terminal is ours to act on
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(stdin.encode())
        if process.returncode:
            lines = err.decode(errors="replace").strip().splitlines()
            raise CannotStart(f"{' '.join(command[1:4])} failed: {lines[-1] if lines else 'no reason given'}")
        return out.decode().strip()

    async def _show_page(self) -> None:
        if self.stop.is_set():
            return
        seen_as = address_on_the_network() if self.plan.web_host == "0.0.0.0" else None
        if seen_as is None:
            self.screen.page(self._page_lines(), None)
            return
        base = f"http://{seen_as}:{self.plan.web_port}"
        link = await self._cloud([plan.program("tonnam-cloud"), "user", "link", USER, "--base-url", base])
        phone = [
            f"  On a phone in this network: {base}",
            "  This code signs you in there, once, within 15 minutes. A new one:",
            f"  TONNAM_DATA={_short(self.plan.home / 'cloud')} {_short(Path(plan.program('tonnam-cloud')))} "
            f"user link {USER} --base-url {base}",
        ]
        self.screen.page([*self._page_lines(), *phone], link)

    def _page_lines(self) -> list[str]:
        chosen = self.plan
        kept = _short(chosen.home / "credentials.json")
        password = (
            f"with the password [bold]{chosen.credentials.login}[/] (shown this once; kept in {kept})"
            if self._login_is_new
            else f"with the password that the first start showed (kept in {kept})"
        )
        broker_is = plan.without_password(chosen.external_broker) if chosen.external_broker else "embedded (NATS)"
        store = os.environ.get("TONNAM_STORE") or "embedded"
        where = os.environ.get("TONNAM_INFLUX_URL", "") if store == "influx" else _short(chosen.home / "cloud")
        return [
            f"[bold green]Tonnam ต้นน้ำ[/] runs: a melon greenhouse and a town, {chosen.speed:g} times nature's pace.",
            "  The weather is simulated: the farm has half past one on a dry afternoon, whatever your clock says.",
            f"  Page       [bold]http://localhost:{chosen.web_port}[/]",
            f"  Sign in    as [bold]{USER}[/] {password}",
            f"  Broker     {broker_is}; town devices speak to the address in {_short(chosen.home / 'field-broker')}",
            f"  Store      {store}, {where}",
            f"  Logs       {_short(self._logs)}",
        ]

    async def _watch_space(self) -> None:
        warned = False
        while True:
            free = shutil.disk_usage(self.plan.home).free
            if free < LOW_BYTES and not warned:
                self.screen.say(
                    f"The disk has only {free // 1_000_000} MB left; make room, or readings wait at the edge"
                )
            warned = free < LOW_BYTES
            await asyncio.sleep(SPACE_EVERY_S)

    async def _end_all(self) -> bool:
        """End the edge first, while its valves still answer, the broker last. Whether all ended by themselves."""
        order = ["edge", "gateway", "town-sim", "farm-sim", "cloud", "access", "broker"]
        children = sorted(self._children, key=lambda child: order.index(child.spec.name))
        codes = {child.spec.name: await child.stop() for child in children}
        if codes.get("edge") == 0:
            self.screen.say("Valves and pump are off. Everything has ended; the data stays for the next time.")
        # A child that was told to end while Python was still loading it ends by the signal itself: that is clean too.
        bad = {name: code for name, code in codes.items() if code not in (0, None, -signal.SIGTERM)}
        if bad:
            self.screen.say(f"Not all ended cleanly: {bad}. The logs in {_short(self._logs)} say more.")
        return not bad


def _short(path: Path) -> str:
    """A path as one would type it from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
