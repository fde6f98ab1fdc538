"""A small farm for tests: a site file and devices that are plain registers, in this process."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from tonnam_edge.core import Action, Core, Observation, Step
from tonnam_edge.site.check import load_site
from tonnam_edge.site.site import Site
from tonnam_link.messages import Command, CommandAction, Event, Outcome

PLACE = """
[node]
tenant = "farm"
id = "edge-1"

[site]
id = "plot"
name = { th = "แปลงทดลอง", en = "Plot" }
latitude = 14.4
longitude = 101.8

[[bus]]
id = "cabinet"
address = "tcp://127.0.0.1:1502"
"""
CABINET = """
[[device]]
id = "relay"
bus = "cabinet"
unit = 1
profile = "waveshare-relay-8ch"
name = { th = "ตู้", en = "Cabinet" }

[[device]]
id = "tank"
bus = "cabinet"
unit = 2
profile = "qdy30a"
name = { th = "ถัง", en = "Tank" }
"""
SITE = (
    PLACE
    + CABINET
    + """
[[bus]]
id = "soil"
address = "tcp://127.0.0.1:1503"

[[device]]
id = "flow"
bus = "cabinet"
unit = 3
profile = "pulse-counter"
name = { th = "มิเตอร์", en = "Meter" }

[[device]]
id = "probe-1"
bus = "soil"
unit = 1
profile = "cwt-soil-7in1"
tells = ["soil_moisture"]
name = { th = "หัววัด 1", en = "Probe 1" }

[[device]]
id = "probe-2"
bus = "soil"
unit = 2
profile = "cwt-soil-7in1"
tells = ["soil_moisture"]
name = { th = "หัววัด 2", en = "Probe 2" }

[[actuator]]
id = "pump"
role = "pump"
device = "relay"
coil = 0
name = { th = "ปั๊ม", en = "Pump" }

[[actuator]]
id = "valve-1"
role = "valve"
device = "relay"
coil = 1
name = { th = "วาล์ว 1", en = "Valve 1" }

[[actuator]]
id = "valve-2"
role = "valve"
device = "relay"
coil = 2
name = { th = "วาล์ว 2", en = "Valve 2" }

[tank]
level = "tank/level"
full_cm = 200
low_cm = 20

[flow]
rate = "flow/rate"
total = "flow/total"

[[zone]]
id = "zone-1"
name = { th = "แปลง 1", en = "Zone 1" }
crop = { th = "เมลอน", en = "Melon" }
area_m2 = 1600
valve = "valve-1"
pump = "pump"
probes = ["probe-1"]
flow_l_min = 60
band = { low_pct = 26, high_pct = 31 }
max_run_min = 20
max_day_min = 60

[[zone]]
id = "zone-2"
name = { th = "แปลง 2", en = "Zone 2" }
crop = { th = "เมลอน", en = "Melon" }
area_m2 = 1600
valve = "valve-2"
pump = "pump"
probes = ["probe-2"]
flow_l_min = 60
band = { low_pct = 26, high_pct = 31 }
max_run_min = 20
max_day_min = 60
"""
)
TIMER = """
[[program]]
id = "morning"
kind = "timer"
zone = "zone-1"
at = "06:10"
run_min = 5
"""
BAND = """
[[program]]
id = "band"
kind = "moisture"
zone = "zone-1"
pulse_min = 10
rest_min = 15
"""
MIDNIGHT_MS = 1_795_194_000_000  # 2026-11-21 00:00 in Thailand
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
MORNING_MS = MIDNIGHT_MS + 10 * HOUR_MS


def site_of(folder: Path, text: str = SITE) -> Site:
    """The checked site of a text."""
    path = folder / "site.toml"
    path.write_text(text, encoding="utf-8")
    return load_site(path)[0]


class Field:
    """What lies behind the registers: a relay board with timers, a tank, a meter, two probes. Breakable."""

    def __init__(self) -> None:
        self.coils = [False] * 8
        self.until: dict[int, float] = {}
        self.moisture: list[float | None] = [28.0, 28.0]
        self.level_cm: float | None = 150.0
        self.litres = 5000.0
        self.flow_l_min = 60.0  # of each zone that is open
        self.mains = False  # water comes without a pump
        self.relay_answers = True
        self.meter_answers = True
        self.welded: dict[int, bool] = {}

    def coil(self, n: int) -> bool:
        return self.welded.get(n, self.coils[n])

    def act(self, action: Action, mono_ms: int) -> None:
        if not self.relay_answers or action.device != "relay":
            return
        self.coils[action.coil] = action.open
        self.until.pop(action.coil, None)
        if action.open and action.hold_s is not None:
            self.until[action.coil] = mono_ms + action.hold_s * 1000

    def pass_time(self, from_ms: int, to_ms: int) -> None:
        """Let water flow and relay timers run out."""
        if self.coil(0) or self.mains:
            self.litres += (self.coil(1) + self.coil(2)) * self.flow_l_min * (to_ms - from_ms) / MINUTE_MS
        for coil, until in list(self.until.items()):
            if to_ms >= until:
                self.coils[coil] = False
                del self.until[coil]

    def observe(self, mono_ms: int) -> list[Observation]:
        coils = {f"coil_{n}": float(self.coil(n)) for n in range(8)} if self.relay_answers else None
        level = None if self.level_cm is None else {"level": self.level_cm}
        meter = {"total": float(int(self.litres)), "rate": 0.0} if self.meter_answers else None
        probes = [None if m is None else {"soil_moisture": m} for m in self.moisture]
        return [
            Observation("relay", mono_ms, coils),
            Observation("tank", mono_ms, level),
            Observation("flow", mono_ms, meter),
            Observation("probe-1", mono_ms, probes[0]),
            Observation("probe-2", mono_ms, probes[1]),
        ]


class Play:
    """Plays a core against a field, second by second, and keeps what was said."""

    def __init__(self, site: Site, *, start_ms: int = MORNING_MS, memory: bytes | None = None) -> None:
        self.field = Field()
        self.site = site
        self.now_ms = start_ms  # the true time
        self.skew_ms = 0  # what the wall clock is wrong by
        self.booted_ms, self.boot, self.sure = 0, "", True
        self.core = Core(site, memory, now_ms=start_ms)
        self.memory = memory
        self.events: list[Event] = []
        self.outcomes: list[Outcome] = []
        self.steps: list[Step] = []
        self.watch: Callable[[Play, Step], None] | None = None
        self.key = "5a" * 8  # the cloud's, that has signed what is commanded

    def step(self, seconds: float = 1.0) -> Step:
        step = self.cycle()
        self.pass_time(seconds)
        return step

    def pass_time(self, seconds: float) -> None:
        then = self.now_ms + round(seconds * 1000)
        self.field.pass_time(self.now_ms, then)
        self.now_ms = then

    def cycle(self) -> Step:
        mono_ms = self.now_ms - self.booted_ms
        self.core.observe(self.field.observe(mono_ms))
        step = self.core.step(self.now_ms + self.skew_ms, mono_ms, boot=self.boot, sure=self.sure)
        for action in step.actions:
            self.field.act(action, self.now_ms)
        self.memory = step.memory or self.memory
        self.events += step.events
        self.outcomes += step.outcomes
        self.steps.append(step)
        if self.watch is not None:
            self.watch(self, step)
        return step

    def reboot(self, wall_ms: int, off_s: float = 60.0) -> None:
        """Cut the power. After `off_s` the machine is up again; its clock, which nobody vouches for, shows this."""
        self.field.coils, self.field.until = [False] * 8, {}
        self.pass_time(off_s)
        self.boot, self.booted_ms = f"boot at {self.now_ms}", self.now_ms - 20_000
        self.restart(wall_ms)

    def restart(self, wall_ms: int | None = None) -> None:
        """Kill the process and start it again; with `wall_ms` it does not know the time."""
        self.sure, self.skew_ms = wall_ms is None, 0 if wall_ms is None else wall_ms - self.now_ms
        wall_ms = self.now_ms + self.skew_ms
        mono_ms = self.now_ms - self.booted_ms
        self.core = Core(self.site, self.memory, now_ms=wall_ms, mono_ms=mono_ms, boot=self.boot, sure=self.sure)

    def learn(self) -> None:
        """Somebody tells the time."""
        self.sure, self.skew_ms = True, 0

    def run(self, seconds: float) -> None:
        end = self.now_ms + round(seconds * 1000)
        while self.now_ms < end:
            self.step()

    def leap(self, seconds: float, at_most_s: float | None = None) -> None:
        """Like `run`, but only as often as the core asks for: as the maker of history does. Of hours, every four
        minutes at least."""
        at_most_s = at_most_s or (60.0 if seconds <= 7200 else 240.0)
        end = self.now_ms + round(seconds * 1000)
        while self.now_ms < end:
            step = self.cycle()
            self.pass_time(min(at_most_s, (step.next_due_ms - step.now_ms) / 1000))

    def water(self, zone: str = "zone-1", seconds: int = 300, command_id: str = "c1", lives_s: int = 60) -> None:
        expires = self.now_ms + lives_s * 1000
        self.core.command(Command(command_id, CommandAction.WATER, zone, self.now_ms, expires, seconds, self.key))

    def stop(self, zone: str = "zone-1", command_id: str = "s1") -> None:
        expires = self.now_ms + 60_000
        self.core.command(Command(command_id, CommandAction.STOP, zone, self.now_ms, expires, signed_by=self.key))

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events if event.kind != "zone.planned"]

    def ended(self) -> list[Event]:
        return [event for event in self.events if event.kind == "run.ended"]

    def states(self, command_id: str = "c1") -> list[str]:
        return [str(outcome.state) for outcome in self.outcomes if outcome.command_id == command_id]


class Registers:
    """A Modbus device of plain words, for the direct transport: holding and input registers alike."""

    def __init__(self, words: dict[int, int]) -> None:
        self.words = words
        self.requests: list[bytes] = []

    def execute(self, unit: int, request: bytes) -> bytes:
        self.requests.append(request)
        function, address, size = struct.unpack(">BHH", request)
        wanted = range(address, address + size)
        if any(n not in self.words for n in wanted):
            return bytes([function | 0x80, 2])
        body = b"".join(self.words[n].to_bytes(2, "big") for n in wanted)
        return bytes([function, len(body)]) + body
