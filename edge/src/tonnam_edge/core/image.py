"""Judge what the buses left, and freeze it: the image that everything else decides on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import NamedTuple

from tonnam_edge.core.judge import Doubt, Judge, Together, together
from tonnam_edge.site.coils import at_rest, position
from tonnam_edge.site.site import SOIL_MOISTURE, Actuator, Averaged, Sensed, Site
from tonnam_link.messages import Sample, Stamp
from tonnam_link.quality import Quality


class Now(NamedTuple):
    """One instant by both clocks, in milliseconds: UTC for schedules, time since boot for ages and deadlines.

    When it is not `sure` the UTC is only a guess, which may jump. `boot` names the boot that `mono_ms` counts from.
    """

    wall_ms: int
    mono_ms: int
    boot: str = ""
    sure: bool = True

    @property
    def stamp(self) -> Stamp | None:
        """What goes with everything that is said of this instant while its UTC is a guess."""
        return None if self.sure else Stamp(self.boot, self.mono_ms)


class Observation(NamedTuple):
    """What one poll of a device brought. `mono_ms` is when the poll began.

    `values` is None when it did not answer; `fault` when it answered that it is broken.
    """

    device: str
    mono_ms: int
    values: Mapping[str, float | None] | None
    fault: bool = False


class NotWritten(NamedTuple):
    """An opening that no board has acknowledged, or that was dropped before it was sent."""

    actuator: str
    decided_mono_ms: int


class Position(NamedTuple):
    """An actuator by its coil: open, closed, or None when that is unknown, too long ago, or no coil's to say.

    `mono_ms` is when that poll began; -1 when the board was not heard lately, or a pulse was under way.
    """

    open: bool | None
    mono_ms: int

    @property
    def heard(self) -> bool:
        return self.mono_ms >= 0


UNHEARD = Position(None, -1)
_NOT_READ = Sample(None, Quality.STALE)


@dataclass(frozen=True)
class Image:
    """The farm at one instant: every datastream's sample and where every actuator stands."""

    now: Now
    samples: Mapping[str, Sample]
    positions: Mapping[str, Position]
    read_mono_ms: Mapping[str, int]  # when the poll began that brought a datastream

    def value(self, datastream: str | None) -> float | None:
        """The number of a datastream if it is good, else None."""
        sample = self.samples.get(datastream) if datastream else None
        return sample.value if sample is not None and sample.quality is Quality.GOOD else None


class Observed:
    """The latest poll of every device, and since when each has been silent.

    `held` says of an actuator whose coils do not tell where it stands what it was proven to be, or None. `doubts` is
    what an earlier process did not believe.
    """

    def __init__(
        self,
        site: Site,
        since_mono_ms: int,
        held: Callable[[str], bool | None] = lambda name: None,
        doubts: MutableMapping[str, Doubt] | None = None,
    ) -> None:
        self.judge = Judge({} if doubts is None else doubts)
        self._site = site
        self._held = held
        self._latest: dict[str, Observation] = {}
        self._faulty: set[str] = set()
        self._sensed = {name: tuple(one for one in site.sensed if one.device == name) for name in site.devices}
        self._judged: dict[str, tuple[Observation, dict[str, Sample]]] = {}  # of the latest poll of a device
        self._together: dict[str, tuple[list[Sample], float | None, Together]] = {}
        self._names = tuple(one.datastream.id for one in site.sensed)
        self._stands: dict[str, tuple[Observation, Position]] = {}
        self._read_mono_ms: dict[str, int] = {}
        self.answered_mono_ms = dict.fromkeys(site.devices, since_mono_ms)

    def add(self, seen: Observation) -> None:
        """Take in one poll. An older one than the latest is ignored; silence keeps the last values until stale."""
        latest = self._latest.get(seen.device)
        if latest is not None and seen.mono_ms < latest.mono_ms:
            return
        if seen.values is not None:
            self._latest[seen.device] = seen
            self._read_mono_ms.update((one.datastream.id, seen.mono_ms) for one in self._sensed.get(seen.device, ()))
            self._faulty.discard(seen.device)
            self.answered_mono_ms[seen.device] = seen.mono_ms
        elif seen.fault:
            self._faulty.add(seen.device)
            self.answered_mono_ms[seen.device] = seen.mono_ms

    def heard(self, devices: Iterable[str]) -> bool:
        """Whether each of the devices has answered since the start, if only that it is broken."""
        return all(device in self._latest or device in self._faulty for device in devices)

    def begin_anew(self) -> None:
        """Forget what was believed so far, but for the doubts: they have just been recalled."""
        self.judge.begin_anew()
        self._judged.clear()

    def freeze(self, now: Now, expected_pct: Mapping[str, float] | None = None) -> Image:
        """The image at `now`. Nothing reads a device after this.

        `expected_pct` is the moisture that the water balance expects, by the datastream of a zone.
        """
        samples = dict.fromkeys(self._names, _NOT_READ)
        for name, device in self._site.devices.items():
            samples.update(self._of_device(name, device.max_age_s, now))
        for averaged in self._site.averaged:
            self._of_all(averaged, samples, (expected_pct or {}).get(averaged.datastream.id))
        positions: dict[str, Position] = {}
        for actuator in self._site.actuators.values():
            positions[actuator.id] = found = self._position(actuator, now)
            is_open = self._held(actuator.id) if found.heard and found.open is None else found.open
            samples[actuator.datastream.id] = _NOT_READ if is_open is None else Sample(float(is_open))
        return Image(now, samples, positions, self._read_mono_ms.copy())

    def _of_device(self, name: str, max_age_s: float, now: Now) -> Mapping[str, Sample]:
        """What the latest poll of a device is worth now; a poll is judged once."""
        latest = self._latest.get(name)
        if name in self._faulty:
            return {one.datastream.id: Sample(None, Quality.DEVICE_FAULT) for one in self._sensed[name]}
        if latest is None or latest.values is None or now.mono_ms - latest.mono_ms > max_age_s * 1000:
            return {}
        judged = self._judged.get(name)
        if judged is None or judged[0] is not latest:
            found = {
                one.datastream.id: self._sample(one, latest.values, latest.mono_ms) for one in self._sensed[name]
            }
            judged = self._judged[name] = latest, found
        return judged[1]

    def _sample(self, sensed: Sensed, values: Mapping[str, float | None], at_mono_ms: int) -> Sample:
        value = values.get(sensed.value)
        if value is None:
            return Sample(None, Quality.DEVICE_FAULT)
        if sensed.range is not None and not sensed.range[0] <= value <= sensed.range[1]:
            return Sample(None, Quality.OUT_OF_RANGE, value)
        return self.judge.of(sensed, value, at_mono_ms)

    def _of_all(self, averaged: Averaged, samples: dict[str, Sample], expected_pct: float | None) -> None:
        """Put in what the sources of a zone say together, and mark those that contradict it."""
        zone = averaged.datastream.id
        given = [samples[name] for name in averaged.sources]
        before = self._together.get(zone)
        if before is None or before[0] != given or before[1] != expected_pct:
            before = self._together[zone] = given, expected_pct, _joined(averaged, samples, expected_pct)
        samples[zone], apart = before[2]
        for name in apart:
            samples[name] = Sample(None, Quality.DISAGREES, samples[name].value)

    def _position(self, actuator: Actuator, now: Now) -> Position:
        latest = self._latest.get(actuator.part.device)
        if latest is None or latest.values is None or now.mono_ms - latest.mono_ms > actuator.max_age_s * 1000:
            return UNHEARD
        before = self._stands.get(actuator.id)
        if before is None or before[0] is not latest:
            before = self._stands[actuator.id] = latest, _position_of(actuator, latest.values, latest.mono_ms)
        return before[1]


def _position_of(actuator: Actuator, values: Mapping[str, float | None], at_mono_ms: int) -> Position:
    if not at_rest(actuator.part, values):
        return UNHEARD
    return Position(position(actuator.part, values), at_mono_ms)


def _joined(averaged: Averaged, samples: Mapping[str, Sample], expected_pct: float | None) -> Together:
    if averaged.datastream.id.endswith(f"/{SOIL_MOISTURE}"):
        return together(averaged.sources, samples, expected_pct)
    return Together(_mean_of_good(averaged, samples))


def _mean_of_good(averaged: Averaged, samples: Mapping[str, Sample]) -> Sample:
    """The mean of the sources that are good; without one, unknown for the reason of the first."""
    good = [s.value for s in map(samples.__getitem__, averaged.sources) if s.value is not None]
    if not good:
        return Sample(None, samples[averaged.sources[0]].quality)
    return Sample(round(sum(good) / len(good), 9))
