"""The demo's first week: the same edge core and gateway on simulated physics and a simulated clock, sent as backlog.

Nothing is written into the store from here. Frames and events go into the nodes' outboxes, and the link carries them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from tonnam_demo.children import end_with_parent
from tonnam_demo.plan import DRY_AFTERNOON_HOUR, FARM, FARM_SITE, TOWN, TOWN_SITE
from tonnam_demo.surroundings import CannotStart
from tonnam_edge.core import Core, Step
from tonnam_edge.modbus.direct import DirectTransport, act_once, poll_once
from tonnam_edge.site.check import load_site
from tonnam_edge.site.site import Site
from tonnam_edge.state_store import StateStore
from tonnam_gateway.gateway import OUTBOX as GATEWAY_OUTBOX
from tonnam_gateway.loader import load as load_mapping
from tonnam_gateway.translator import Translator
from tonnam_link.messages import Command, CommandAction, Event, Frame
from tonnam_link.node.uplink import write_backlog
from tonnam_link.topics import Origin
from tonnam_sim.farm import Farm, build_farm
from tonnam_sim.town import build_town
from tonnam_sim.town_messages import town_messages

BEAT_S = 60
TOWN_BEAT_S = 300
THAILAND = timezone(timedelta(hours=7))
# The week ends with the soil a little above the bottom of its band, so that a watering is soon seen. Who sees to
# that is the farmer of the story: in the last hours they water by hand, as much as the band would not.
LAST_HOURS = 10
DRY_ABOVE_LOW_PCT = 0.35
LITRES_OF_A_PER_CENT = 480.0


@dataclass
class Told:
    """What a week came to."""

    frames: list[Frame] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def add(self, step: Step) -> None:
        if step.frame is not None:
            self.frames.append(step.frame)
        self.events.extend(step.events)


class FarmWeek:
    """Edge core and farm, in one process and under one simulated clock."""

    def __init__(self, site: Site, seed: int, start_ms: int, hour: float) -> None:
        self.site = site
        self.farm = build_farm(seed, hour, sunny=False)
        self.core = Core(site, now_ms=start_ms)
        self.now_ms = start_ms
        self.told = Told()
        self.memory: bytes | None = None
        self._transports = {name: DirectTransport(bus.execute) for name, bus in self.farm.buses.items()}

    def run_until(self, end_ms: int) -> None:
        """Poll, step and act, at every beat and whenever the core says that something is due."""
        while self.now_ms < end_ms:
            self.core.observe(poll_once(self._transports, self.site, self.now_ms))
            step = self.core.step(self.now_ms)
            self.told.add(step)
            self.memory = step.memory or self.memory
            act_once(step.actions, self._transports, self.site)
            next_beat_ms = (self.now_ms // (BEAT_S * 1000) + 1) * BEAT_S * 1000
            next_ms = min(next_beat_ms, max(step.next_due_ms, self.now_ms + 1000), end_ms)
            elapsed_s = (next_ms - self.now_ms) / 1000
            self.farm.step(elapsed_s, elapsed_s)
            self.now_ms = next_ms

    def water_by_hand(self, zone: str, seconds: int) -> None:
        """What a farmer's phone would send."""
        command = Command(
            uuid.uuid4().hex, CommandAction.WATER, zone, self.now_ms, self.now_ms + 60_000, max_run_s=seconds
        )
        self.core.command(command)


def moisture_pct(farm: Farm, zone: int) -> float:
    """What the probes of a zone say in the mean, just now."""
    return sum(farm.probe(zone, twin).vwc_pct for twin in (0, 1)) / 2


def _left_alone_pct(farm: Farm, seconds: float, zone: int) -> float:
    """How wet the zone would be after that long with its valve shut."""
    ahead = build_farm(farm.seed, farm.hour, farm.state(), sunny=False)
    ahead.step(seconds, seconds)
    return moisture_pct(ahead, zone)


def end_the_week_dry(week: FarmWeek, end_ms: int) -> None:
    """Live through the last hours so that the zones end just above the bottom of their bands.

    Both, because a timer may water one of them just before the end; their timers are half a day apart.
    """
    while week.now_ms < end_ms:
        left_s = (end_ms - week.now_ms) / 1000
        for number, zone in enumerate(week.site.zones.values()):
            lacks_pct = zone.band.low_pct + DRY_ABOVE_LOW_PCT - _left_alone_pct(week.farm, left_s, number)
            seconds = round(lacks_pct * LITRES_OF_A_PER_CENT / zone.part.flow_l_min * 60)
            if seconds >= 90 and left_s > 1800 and week.core.safe:
                week.water_by_hand(zone.id, min(seconds, round(zone.part.max_run_min * 60)))
                break
        week.run_until(min(end_ms, week.now_ms + 1_800_000))


def make_farm_week(state: Path, sim_state: Path, seed: int, start_ms: int, end_ms: int) -> int:
    """Fill the edge's outbox and state, and leave the simulator's state for it to go on from. Returns readings."""
    site, _ = load_site(FARM_SITE)
    days = (end_ms - start_ms) / 86_400_000
    week = FarmWeek(site, seed, start_ms, (DRY_AFTERNOON_HOUR - days * 24) % 24)
    week.run_until(max(start_ms, end_ms - LAST_HOURS * 3_600_000))
    end_the_week_dry(week, end_ms)
    state.mkdir(parents=True, exist_ok=True)
    described = week.core.describe(start_ms)
    readings = write_backlog(
        state / "outbox.sqlite3",
        Origin(*FARM),
        [datastream.spec for datastream in site.datastreams],
        week.told.frames,
        [described, *week.told.events],
    )
    store = StateStore(state)
    store.commit(week.memory, [], [])
    store.close()
    _write_json(sim_state, week.farm.state())
    return readings


def make_town_week(state: Path, sim_state: Path, seed: int, start_ms: int, end_ms: int) -> int:
    """Fill the gateway's outbox from what the town's devices would have said. Returns readings."""
    mapping = load_mapping(TOWN_SITE)
    translator = Translator(mapping)
    local = datetime.fromtimestamp(start_ms / 1000, THAILAND)
    town = build_town(seed, local.hour + local.minute / 60)
    told = Told()
    for at in _instants(start_ms, end_ms, TOWN_BEAT_S):
        town.step(TOWN_BEAT_S)
        for topic, payload in town_messages(town, at):
            translated = translator.translate(topic, payload, at)
            told.frames.extend(translated.frames)
            told.events.extend(translated.events)
    told.frames.sort(key=lambda frame: frame.observed_at_ms)
    state.mkdir(parents=True, exist_ok=True)
    readings = write_backlog(state / GATEWAY_OUTBOX, Origin(*TOWN), mapping.specs(), told.frames, told.events)
    _write_json(sim_state, town.state())
    return readings


def _instants(start_ms: int, end_ms: int, every_s: int) -> Iterator[datetime]:
    for at_ms in range(start_ms, end_ms, every_s * 1000):
        yield datetime.fromtimestamp(at_ms / 1000, UTC)


def _write_json(path: Path, state: dict[str, Any]) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(state))
    os.replace(part, path)


def make_once(home: Path, seed: int, days: int, say: Callable[[str], None]) -> None:
    """Make the history if there is none. A start that was broken off before the end begins again from nothing.

    It is made in a folder of its own and moved into place when it is whole, so that nothing half made is ever used.
    """
    done = home / "history.done"
    if done.exists():
        return
    say(f"Making {days} days of history, once: the same edge and gateway, on a simulated clock ...")
    began = time.monotonic()
    for leftover in [home / "edge", home / "gateway", *home.glob("history-*")]:
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="history-", dir=home) as name:
        readings = _make_weeks(Path(name), seed, days)
        for part in Path(name).iterdir():
            os.replace(part, home / part.name)
    done.touch()
    say(f"{readings:,} readings wait in the outboxes, made in {time.monotonic() - began:.0f} s.")


def _make_weeks(folder: Path, seed: int, days: int) -> int:
    """Farm and town beside each other, each in a process that hears no Ctrl-C of ours and ends when we do."""
    # A little before now, so that the first live readings are later than the last of the history.
    end_ms = int(time.time()) * 1000 - 5000
    start_ms = end_ms - days * 86_400_000
    trouble = folder.parent / "log" / "history.log"
    trouble.parent.mkdir(exist_ok=True)
    makers: list[subprocess.Popen[bytes]] = []
    try:
        for what in WEEKS:
            command = [sys.executable, "-m", __name__, what, str(folder), str(seed), str(start_ms), str(end_ms)]
            with trouble.open("ab") as log:
                makers.append(
                    subprocess.Popen(
                        command,
                        stdout=subprocess.PIPE,
                        stderr=log,
                        start_new_session=True,
                        preexec_fn=end_with_parent,
                    )
                )
        told = [maker.communicate()[0] for maker in makers]
    finally:
        for maker in makers:
            maker.kill()
            maker.wait()
    if any(maker.returncode for maker in makers):
        raise CannotStart(f"The history could not be made; {trouble} says why.")
    return sum(map(int, told))


def _make_one(what: str, folder: str, *numbers: str) -> int:
    """One of the two weeks; the number of its readings."""
    place, (state, sim_state) = Path(folder), WEEKS[what][1:]
    seed, start_ms, end_ms = map(int, numbers)
    return WEEKS[what][0](place / state, place / sim_state, seed, start_ms, end_ms)


WEEKS = {
    "farm": (make_farm_week, "edge", "farm-sim.json"),
    "town": (make_town_week, "gateway", "town-sim.json"),
}

if __name__ == "__main__":
    sys.stdout.write(str(_make_one(*sys.argv[1:])))
