"""What people do at the place itself: switches, lock-outs, the emergency stop; and all that stands, for the cloud."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tonnam_edge.core.books import Books
from tonnam_edge.core.image import Image, Now
from tonnam_edge.core.latches import Tell
from tonnam_edge.core.memory import Memory, Text
from tonnam_edge.core.people import people_texts
from tonnam_edge.core.people.at_site import Answer, Request, answer
from tonnam_edge.core.people.contact import UNKNOWN_AFTER_S
from tonnam_edge.core.people.emergency import Emergency
from tonnam_edge.core.people.lockouts import Lockouts
from tonnam_edge.core.people.modes import TEXTS, Mode, Modes
from tonnam_edge.core.plant.hand_water import HandWater, Poured
from tonnam_edge.core.plant.water import Water
from tonnam_edge.core.wishes import KeptOff
from tonnam_edge.site.site import Site
from tonnam_link.messages import Stamp

# What stands is not told before every switch was read, but not later than this after the start.
FIRST_LOOK_MS = 10_000


class People:
    """Reads the switches, ends what they forbid, and says why nothing may start."""

    def __init__(
        self,
        site: Site,
        memory: Memory,
        water: Water,
        books: Books,
        now: Now,
        tell: Tell,
        new_id: Callable[[], str],
        poured: Poured,
    ) -> None:
        self._site, self._memory, self._water, self._tell = site, memory, water, tell
        self.modes = Modes(site, memory, now.mono_ms)
        self.emergency = Emergency(site, memory, now.mono_ms)
        self.lockouts = Lockouts(memory, site, tell, new_id)
        self._hand_water = {meter: HandWater(site, books, tell, new_id, poured) for meter in site.paths.meters}
        self._told: dict[str, Any] | None = None
        self._requests: list[Request] = []
        self._answers: list[Answer] = []
        self._wait_until = now.mono_ms + FIRST_LOOK_MS

    def ask(self, request: Request) -> None:
        """Hear what somebody at the controller wants; it is decided on by `attend`."""
        self._requests.append(request)

    def attend(self, now: Now) -> None:
        """Do what was asked at the controller."""
        asked, self._requests = self._requests, []
        latches, dosing = self._water.latches, self._memory.dosing
        self._answers += [answer(each, self._site, self.lockouts, latches, now, dosing) for each in asked]

    def answers(self) -> tuple[Answer, ...]:
        """What came of it, once: to be given when the memory is on disk."""
        given, self._answers = tuple(self._answers), []
        return given

    def recall(self) -> None:
        """Take over what the memory has come to know of since."""
        self.modes.recall()
        self.emergency.recall()

    def look(self, image: Image) -> None:
        """Read the switches and end what they, a lock-out or the emergency stop forbid."""
        now = image.now
        if self.emergency.look(image):
            pressed = self.emergency.pressed
            words = people_texts.emergency() if pressed else people_texts.emergency_over()
            self._tell("emergency.pressed" if pressed else "emergency.released", now, text=words)
            self._close_what_stays(() if pressed else self._site.actuators, now)
        for turned in self.modes.look(image):
            self._tell("zone.mode", now, zone=turned.zone, mode=turned.mode.value, text=TEXTS[turned.mode]())
            self.lockouts.switched(turned, now)
            if turned.mode is Mode.AUTO:
                self._close_what_stays([self._site.zones[turned.zone].part.valve], now)
        self._water.in_hand = frozenset(self.modes.may_be_in_hand())
        self._water.on_hand = frozenset(self.modes.in_hand())
        self._water.unheard = frozenset(self.modes.unheard())
        self._water.on_auto = self.modes.on_auto(image)
        self._stop_what_may_not_run(now)

    def count(self, now: Now) -> None:
        """Count the water that flows by hand; to be called after the meter was looked at."""
        in_hand = self.modes.in_hand()
        for meter, water in self._hand_water.items():
            zones = [zone for zone in in_hand if self._site.paths.meter(zone) == meter]
            water.look(zones, self._water.hand_l.get(meter, 0.0), now)

    def leave(self, now: Now) -> None:
        """The end is near: tell what has flowed by hand."""
        for water in self._hand_water.values():
            water.end(now)

    def blocks(self, zone: str, now: Now, *, by_person: bool) -> Text | None:
        """Why nothing may start in a zone, the gravest first; None when nobody minds."""
        return (
            self.emergency.blocks(now, by_person=by_person)
            or self.lockouts.blocks(zone)
            or self.modes.blocks(zone, now, by_person=by_person)
            or (None if by_person else self._water.in_doubt(zone))
        )

    def keeps_off(self, zone: str) -> KeptOff | None:
        """What a person has done that keeps water off a zone; the emergency stop is an alert of its own."""
        mode, locked = self.modes.of(zone), self.lockouts.blocks(zone)
        if locked is None and mode is not Mode.OFF and mode is not Mode.HAND:
            return None
        by_hand = mode is Mode.HAND and self._site.paths.meter(zone) is None
        return KeptOff(locked or TEXTS[mode or Mode.OFF](), unseen=by_hand)

    def bars(self, zone: str) -> bool:
        """Whether somebody, or what was found wrong, keeps water from a zone: what was under way there is over."""
        turned = self.modes.of(zone) in {Mode.OFF, Mode.HAND}
        locked = self.lockouts.blocks(zone) is not None or self._water.latches.blocks(zone) is not None
        return turned or locked or self.emergency.pressed

    def deadlines_mono_ms(self, now: Now) -> Iterable[int]:
        """When something must be looked at again."""
        hand = [at for water in self._hand_water.values() if (at := water.deadline_mono_ms()) is not None]
        found = [*self.modes.deadlines_mono_ms(), *self.emergency.deadlines_mono_ms(), *hand]
        yield from (at for at in found if at > now.mono_ms)

    def tell_standing(
        self, now: Now, stations: list[dict[str, Any]], growth: dict[str, list[dict[str, Any]]]
    ) -> None:
        """Tell all that stands, whole, when it is not what was told last. So nothing has to be pieced together."""
        unseen = any(self.modes.of(zone) is None for zone in self.modes.switched)
        standing = self._standing(now) | ({"stations": stations} if stations else {}) | growth
        if flows := self._water.doubts():
            standing["doubts"] = [*standing.get("doubts", []), *flows]
        if standing != self._told and not (unseen and now.mono_ms < self._wait_until):
            self._told = standing
            self._tell("site.stands", now, **standing)

    def _close_what_stays(self, names: Iterable[str], now: Now) -> None:
        """A latching valve stands as its switch has left it in hand, or as it stood when it lost its current: once it
        is ours again, it is closed anew."""
        actuators = self._water.actuators
        for name in names:
            ours = name not in self._site.stationed and not actuators.said_open(name)
            if ours and self._site.actuators[name].part.kind == "latching":
                actuators.to_safety(name, now.mono_ms, again=True)

    def _stop_what_may_not_run(self, now: Now) -> None:
        if self.emergency.pressed:
            self._water.runs.stop_all("stopped", people_texts.emergency(), now)
            self._water.actuators.all_to_safety(now.mono_ms, but=self._site.stationed)
            return
        for zone in list(self._water.runs.active):
            mode, locked = self.modes.of(zone), self.lockouts.blocks(zone)
            if locked is not None:
                self._water.runs.stop(zone, "stopped", locked, now, by_hand=True)
            elif mode is Mode.OFF:
                self._water.runs.stop(zone, "stopped", people_texts.turned_off(), now, by_hand=True)
            elif mode is Mode.HAND:
                self._water.runs.stop(zone, "stopped", people_texts.turned_to_hand(), now, by_hand=True)

    def _standing(self, now: Now) -> dict[str, Any]:
        pressed = self._memory.emergency
        return {
            "latches": [
                {
                    "id": latch.id,
                    "of": latch.kind,
                    "subject": latch.subject,
                    "zones": [zone for zone in self._site.zones if self._water.latches.concerns(latch, zone)],
                    "since_ms": _known(latch.set_at_ms, latch.stamp),
                    "text": latch.text,
                }
                for latch in self._water.latches.standing()
            ],
            "lockouts": [
                {
                    "id": each.id,
                    "zone": each.zone,
                    "who": each.who,
                    "why": each.why,
                    "afar": each.afar,
                    "since_ms": _known(each.set_at_ms, each.stamp),
                }
                for each in self.lockouts.standing()
            ],
            "emergency": None if pressed is None else {"since_ms": _known(pressed.at_ms, pressed.stamp)},
            "modes": [self._mode(zone, now) for zone in self.modes.switched],
        }

    def _mode(self, zone: str, now: Now) -> dict[str, Any]:
        mode = self.modes.of(zone)
        if self.modes.unknown(zone, now):
            return {"zone": zone, "mode": "unknown", "text": people_texts.switch_unknown(UNKNOWN_AFTER_S)}
        if mode is None:
            return {"zone": zone, "mode": "unknown", "text": people_texts.switch_not_read()}
        return {"zone": zone, "mode": mode.value, "text": TEXTS[mode]()}


def _known(at_ms: int, stamp: Stamp | None) -> int | None:
    """The time of something, unless it was only a guess."""
    return at_ms if stamp is None else None
