"""A flood gate for tests: river, canal, two pumps and a gate behind the registers of the example's devices.

Pumps run when their coil lets go (they hang on the relays' normally closed contacts), with `runs_by_coil` while it
is on; a float switch of their own stops them below `FLOAT_CM`. Whoever turns the key takes the relays out of the
circuit: then pumps and gate stay.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from tonnam_edge.core import Action, Core, Step
from tonnam_edge.core.memory import Memory
from tonnam_edge.modbus.direct import DirectTransport, act_once, poll_once
from tonnam_edge.site.check import load_site
from tonnam_edge.site.site import Site
from tonnam_link.messages import Command, CommandAction, Event, Outcome

EXAMPLE = Path("edge/examples/flood-gate.toml")
# Pumps on normally open contacts, off in doubt; a gate that lets high water out, and is closed in doubt.
DRAIN = (
    EXAMPLE.read_text(encoding="utf-8")
    .replace('kind = "normally_open"\nsafe_state = "on"', 'safe_state = "off"')
    .replace('above = "closed"', 'above = "open"')
)
NOON_MS = 1_795_194_000_000 + 12 * 3_600_000
BOARD, INPUTS, RIVER, UPSTREAM, CANAL, METER_1, METER_2 = range(1, 8)
AUTO, HAND, PUMP_KEY, GATE_OPEN, GATE_CLOSED, GATE_KEY = range(6)
FLOAT_CM = 25.0
DRY_CM = 40.0  # a pump that runs below this draws air
TRAVEL_S = 60.0
PUMPS = ("pump-1", "pump-2")


class FloodTown:
    """The field, by a clock of its own in seconds. Levels in cm."""

    def __init__(self, *, runs_by_coil: bool = False) -> None:
        self.runs_by_coil = runs_by_coil
        self.now_s = 1000.0
        self.coils = [False] * 8
        self.until: dict[int, float] = {}
        self.levels: dict[int, float] = {RIVER: 180.0, UPSTREAM: 215.0, CANAL: 150.0}
        self.silent: set[int] = set()
        self.opening = 0.0  # of the gate, 0 closed to 1 open
        self.keys: set[int] = set()  # those that are turned: PUMP_KEY, GATE_KEY
        self.mode = "auto"
        self.stuck: dict[int, bool] = {}  # coils that hang
        self.broken_pumps: set[int] = set()  # their motor stands
        self.pumps_canal = False
        self.dry_s = [0.0, 0.0]  # for how long each pump has drawn air, in a row
        self.writes: list[tuple[float, int, int]] = []  # when, coil, value
        self._locked_pumps = [not runs_by_coil] * 2

    def coil(self, n: int) -> bool:
        return self.stuck.get(n, self.coils[n])

    def runs(self, pump: int) -> bool:
        """Whether the motor of a pump turns."""
        wanted = self.coil(pump) is self.runs_by_coil
        if PUMP_KEY in self.keys or self.mode != "auto":
            wanted = self._locked_pumps[pump]
        return wanted and pump not in self.broken_pumps and self.levels[CANAL] >= FLOAT_CM

    def turn_key(self, key: int, *, locked: bool) -> None:
        self._locked_pumps = [self.runs(0), self.runs(1)]
        (self.keys.add if locked else self.keys.discard)(key)

    def turn_switch(self, mode: str) -> None:
        self._locked_pumps = [self.runs(0), self.runs(1)]
        self.mode = mode

    def step(self, seconds: float) -> None:
        self.now_s += seconds
        for coil, until in list(self.until.items()):
            if self.now_s >= until:
                self.coils[coil] = not self.coils[coil]
                del self.until[coil]
        if GATE_KEY not in self.keys:
            way = seconds / TRAVEL_S * (1 if self.coil(2) else -1)
            self.opening = min(1.0, max(0.0, self.opening + way))
        running = [self.runs(0), self.runs(1)]
        for pump, runs in enumerate(running):
            self.dry_s[pump] = self.dry_s[pump] + seconds if runs and self.levels[CANAL] < DRY_CM else 0.0
        if self.pumps_canal:
            self.levels[CANAL] = max(0.0, self.levels[CANAL] - 0.2 * sum(running) * seconds)

    def power_cut(self) -> None:
        """The board loses its supply and comes back."""
        self.coils, self.until = [False] * 8, {}

    def execute(self, unit: int, request: bytes) -> bytes | None:
        """Answer one request, as the devices would."""
        if unit in self.silent:
            return None
        function, address, value = struct.unpack(">BHH", request)
        if unit == BOARD:
            return self._board(function, address, value, request)
        if unit == INPUTS:
            bits = sum(closed << n for n, closed in enumerate(self._inputs()[address : address + value]))
            return bytes([2, 1, bits])
        if unit in (METER_1, METER_2):
            return bytes([4, 4]) + struct.pack(">f", self._current(unit - METER_1))
        words = {2: 1, 3: 1, 4: round(self.levels[unit] * 10)}
        found = [words.get(n, 0) & 0xFFFF for n in range(address, address + value)]
        return bytes([function, 2 * len(found)]) + struct.pack(f">{len(found)}H", *found)

    def _board(self, function: int, address: int, value: int, request: bytes) -> bytes:
        if function == 1:
            return bytes([1, 1, sum(self.coil(n) << n for n in range(8))])
        coil = address & 0xFF
        self.writes.append((self.now_s, coil, value))
        self.until.pop(coil, None)
        if address < 0x200:
            self.coils[coil] = value == 0xFF00
        else:
            self.coils[coil] = address < 0x400
            self.until[coil] = self.now_s + value / 10
        return request

    def _inputs(self) -> list[bool]:
        closed = {
            AUTO: self.mode == "auto",
            HAND: self.mode == "hand",
            GATE_OPEN: self.opening >= 1,
            GATE_CLOSED: self.opening <= 0,
        }
        return [closed.get(n, n in self.keys) for n in range(8)]

    def _current(self, pump: int) -> float:
        if not self.runs(pump):
            return 0.0
        return 12.0 if self.levels[CANAL] < DRY_CM else 42.0


class Flood:
    """A core before the town, second by second. `watch` sees every step."""

    def __init__(self, site: Site | None = None, memory: bytes | None = None) -> None:
        self.site = site or load_site(EXAMPLE)[0]
        self.town = FloodTown(runs_by_coil=not self.site.actuators[PUMPS[0]].part.safe_open)
        self.port = {"cabinet": DirectTransport(self.town.execute)}
        self.skew_ms, self.booted_ms, self.boot = 0, 0, ""
        self.memory = memory
        self.alive = self.sure = True
        self.events: list[Event] = []
        self.outcomes: list[Outcome] = []
        self.actions: list[tuple[float, Action]] = []
        self.watch: Callable[[Flood, Step], None] | None = None
        self.start()

    @property
    def true_ms(self) -> int:
        return round(self.town.now_s * 1000)

    @property
    def now_ms(self) -> int:
        return NOON_MS + self.true_ms + self.skew_ms

    @property
    def mono_ms(self) -> int:
        return self.true_ms - self.booted_ms

    def start(self) -> None:
        """A process begins with what the disk remembers."""
        self.core = Core(
            self.site, self.memory, now_ms=self.now_ms, mono_ms=self.mono_ms, boot=self.boot, sure=self.sure
        )
        self.alive = True

    def kill(self) -> None:
        self.alive = False

    def reboot(self) -> None:
        self.booted_ms, self.boot = self.true_ms - 5000, f"boot {self.true_ms}"
        self.start()

    def step(self, seconds: float = 1.0) -> Step | None:
        step = self._cycle() if self.alive else None
        self.town.step(seconds)
        return step

    def run(self, seconds: float) -> None:
        until = self.town.now_s + seconds
        while self.town.now_s < until:
            self.step()

    def _cycle(self) -> Step:
        self.core.observe(poll_once(self.port, self.site, self.mono_ms))
        step = self.core.step(self.now_ms, self.mono_ms, boot=self.boot, sure=self.sure)
        act_once(step.actions, self.port, self.site)
        self.actions += [(self.town.now_s, action) for action in step.actions]
        self.memory = step.memory or self.memory
        self.events += step.events
        self.outcomes += step.outcomes
        if self.watch is not None:
            self.watch(self, step)
        return step

    def command(
        self, action: CommandAction, station: str = "flood-pumps", seconds: int = 0, command_id: str = "c1"
    ) -> None:
        now = self.now_ms
        self.core.command(
            Command(command_id, action, station, now, now + 60_000, seconds, "5a" * 8, who="Somchai", why="work")
        )

    def running(self) -> list[bool]:
        return [self.town.runs(0), self.town.runs(1)]

    def said(self, kind: str) -> list[dict[str, object]]:
        return [event.body for event in self.events if event.kind == kind]

    def latches(self) -> list[tuple[str, str]]:
        assert self.memory is not None
        return [(latch.kind, latch.subject) for latch in Memory.decode(self.memory).latches.values()]

    def states(self, command_id: str = "c1") -> list[str]:
        return [str(outcome.state) for outcome in self.outcomes if outcome.command_id == command_id]

    def told(self, station: str = "flood-pumps") -> dict[str, object]:
        """What stands of a station, as it was told last."""
        stands = self.said("site.stands")[-1]["stations"]
        assert isinstance(stands, list)
        return next(each for each in stands if each["id"] == station)

    def text(self, station: str = "flood-pumps") -> str:
        words = self.told(station)["text"]
        assert isinstance(words, dict)
        return str(words["en"])
