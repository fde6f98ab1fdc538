"""From what devices say to what the link carries. No clock, no socket, no disk: a week can be translated at once."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from tonnam_gateway import events
from tonnam_gateway.device_time import CLOCK_WRONG
from tonnam_gateway.dialects import DIALECTS
from tonnam_gateway.judge import judge
from tonnam_gateway.mapping import Datastream, Device, Mapping
from tonnam_gateway.measurement import Decoded, Measurement, Notice
from tonnam_link.messages import Event, Frame, Sample, Stamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REMEMBERED_MESSAGES = 32
_MAX_SAID = 10_000
_STEP_BACK_MS = 60_000
_RETAINED = Notice(
    "retained_without_time",
    "its last message was kept by the broker and has no time of its own, so it may be old: it makes no reading. "
    "Switch retain off in the device, or let it send the time",
)


@dataclass(frozen=True, slots=True)
class Said:
    """A notice about a device, to be logged: it was not said before."""

    device: str
    notice: Notice


@dataclass(slots=True)
class Translated:
    """What one message comes to. Most have one frame; one of nonsense has none."""

    frames: list[Frame] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)


class Translator:
    """Knows a mapping and remembers just enough of the past to drop repeats and to say things once.

    `lost` are the devices that were offline when an earlier translator stopped. `counts` counts messages, readings,
    repeats, messages of unmapped devices and every kind of notice.
    """

    def __init__(self, mapping: Mapping, lost: Iterable[str] = ()) -> None:
        self.mapping = mapping
        self.lost = set(lost)
        self.counts: Counter[str] = Counter()
        self._devices = {(device.dialect, device.address): device for device in mapping.devices}
        self._timings = {device.id: device.timing(mapping.place) for device in mapping.devices}
        self._dialects = [name for name in DIALECTS if any(name == device.dialect for device in mapping.devices)]
        self._streams: dict[tuple[str, str], list[tuple[str, Datastream]]] = defaultdict(list)
        for full_id, _, stream in mapping.streams():
            self._streams[stream.device, stream.measure].append((full_id, stream))
        self._told_ms: dict[str, int] = {}
        self._arrived_ms: dict[str, int] = {}
        self._arrived_mono_ms: dict[str, int] = {}
        self._messages: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=_REMEMBERED_MESSAGES))
        self._said: set[tuple[str, str]] = set()

    def translate(
        self,
        topic: str,
        payload: bytes,
        received_at: datetime,
        *,
        retained: bool = False,
        stamp: Stamp | None = None,
    ) -> Translated:
        """What a message that arrived at `received_at` (aware) comes to. Never raises on what a device sent.

        `retained` says that the broker had kept it, nobody knows for how long: then it makes readings only where
        the device tells the time itself. With a `stamp`, `received_at` is only a guess: what gets its time from it
        gets the stamp, too.
        """
        self.counts["messages"] += 1
        translated = Translated()
        device = self._speaker(topic, translated)
        if device is None:
            return translated
        decode = DIALECTS[device.dialect].decode
        moment = events.Moment(_ms(received_at), stamp)
        timing = replace(self._timings[device.id], sure=stamp is None)
        decoded = decode(device.address, topic, payload, received_at, timing)
        for notice in decoded.notices:
            if self._say(device.id, notice, translated) and notice.kind == CLOCK_WRONG:
                translated.events.append(events.clock_wrong(self.mapping, device, notice.claimed, moment))
        if decoded.online is not None:
            self._presence(device, decoded.online, moment, translated)
        if self._is_repeat(device.id, decoded.message_id):
            self.counts["repeated"] += 1
        elif retained and any(one.stamped_on_arrival for one in decoded.measurements):
            self._say(device.id, _RETAINED, translated)
        elif decoded.measurements:
            self._readings(device, decoded, stamp, translated)
        return translated

    def _speaker(self, topic: str, translated: Translated) -> Device | None:
        """The device that publishes on the topic. One that the mapping does not know is counted and named once."""
        unknown = ""
        for name in self._dialects:
            address = DIALECTS[name].address_of(topic)
            if address is None:
                continue
            if device := self._devices.get((name, address)):
                return device
            if address != topic:
                unknown = unknown or f"{name} {address}"
        if unknown:
            self._say(unknown, Notice("unmapped", "it speaks, but the mapping file does not know it"), translated)
        return None

    def _presence(self, device: Device, online: bool, moment: events.Moment, translated: Translated) -> None:
        if online == (device.id not in self.lost):
            return
        (self.lost.discard if online else self.lost.add)(device.id)
        translated.events.append(events.presence(self.mapping, device, online=online, moment=moment))

    def _is_repeat(self, device: str, message_id: str) -> bool:
        if not message_id:
            return False
        if message_id in self._messages[device]:
            return True
        self._messages[device].append(message_id)
        return False

    def _readings(self, device: Device, decoded: Decoded, stamp: Stamp | None, translated: Translated) -> None:
        """One frame for each instant; usually there is one."""
        instants: dict[events.Moment, dict[str, Sample]] = defaultdict(dict)
        mapped = [one for one in decoded.measurements if (device.id, one.measure) in self._streams]
        if not mapped:
            self._say(device.id, _nothing_mapped(decoded), translated)
        for measurement in mapped:
            if measurement.value is None:
                self._say(device.id, _no_number(measurement), translated)
            for full_id, stream in self._streams[device.id, measurement.measure]:
                if (moment := self._moment(full_id, measurement, stamp)) is not None:
                    instants[moment][full_id] = judge(measurement, stream)
        for moment in sorted(instants, key=lambda each: each.at_ms):
            self.counts["readings"] += len(instants[moment])
            translated.frames.append(Frame(moment.at_ms, instants[moment], moment.stamp))

    def _moment(self, full_id: str, measurement: Measurement, stamp: Stamp | None) -> events.Moment | None:
        """When the reading was observed; None when it was told before.

        The device's own time is kept whatever came before: history may come out of order. Ours must rise, so that two
        readings stay two; only when our clock was put back by more than a minute does it begin anew.
        """
        at_ms = _ms(measurement.observed_at)
        if measurement.stamped_on_arrival:
            return self._arrival(full_id, at_ms, stamp)
        if at_ms == self._told_ms.get(full_id):
            self.counts["repeated"] += 1
            return None
        self._told_ms[full_id] = at_ms
        return events.Moment(at_ms)

    def _arrival(self, full_id: str, at_ms: int, stamp: Stamp | None) -> events.Moment:
        """The time at which a reading came, by our own clock; while that is a guess, by its count since boot."""
        if stamp is not None:
            count_ms = max(stamp.mono_ms, self._arrived_mono_ms.get(full_id, -1) + 1)
            self._arrived_mono_ms[full_id] = count_ms
            return events.Moment(at_ms, Stamp(stamp.boot, count_ms))
        last_ms = self._arrived_ms.get(full_id)
        if last_ms is not None and at_ms <= last_ms < at_ms + _STEP_BACK_MS:
            at_ms = last_ms + 1
        self._arrived_ms[full_id] = at_ms
        return events.Moment(at_ms)

    def _say(self, device: str, notice: Notice, translated: Translated) -> bool:
        """Whether it is said now, for the first time."""
        self.counts[notice.kind] += 1
        key = (device, notice.kind)
        if key in self._said or len(self._said) >= _MAX_SAID:
            return False
        self._said.add(key)
        translated.said.append(Said(device, notice))
        return True


def _no_number(measurement: Measurement) -> Notice:
    return Notice("no_number", f"{measurement.measure} is not a number: the sensor failed, or it is not a measure")


def _nothing_mapped(decoded: Decoded) -> Notice:
    sent = ", ".join(sorted({measurement.measure for measurement in decoded.measurements})[:12])
    return Notice("nothing_mapped", f"its message has no measure that the mapping names; it has: {sent[:300]}")


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
