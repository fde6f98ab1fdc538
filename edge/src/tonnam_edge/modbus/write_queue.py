"""What waits to be written on one bus, and what goes next: closes, first those that can be carried out."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tonnam_edge.core.plant.actuators import Action
from tonnam_edge.limits import REPEAT_OFF_S

RETRY_MS = round(REPEAT_OFF_S * 1000)


class WriteQueue:
    """At most one action an actuator: a newer one replaces the older. Times are since boot, in milliseconds.

    A close to a device that did not answer waits here until it does. It is tried again at its own pace, and all
    closes of one device together cost one time-out each time: so a dead board keeps no other from closing.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, Action] = {}
        self._off_decided_ms: dict[str, int] = {}
        self._tried: set[str] = set()
        self._again_ms: dict[str, int] = {}  # of devices that are silent: when a close is tried again
        self._told: set[str] = set()  # devices whose silence is known

    def put(self, actions: Iterable[Action]) -> None:
        """Queue what was decided. An opening that is older than a close of the same actuator is dropped."""
        for action in actions:
            if action.safe:
                self._off_decided_ms[action.actuator] = action.decided_mono_ms
            elif self.overtaken(action):
                continue
            if not action.safe:
                self._tried.discard(action.actuator)
            self._waiting.pop(action.actuator, None)
            self._waiting[action.actuator] = action

    def leave(self, actuators: Collection[str]) -> None:
        """Drop what waits for these, closes too: somebody has locked them, and nothing is to move them."""
        for name in self._waiting.keys() & set(actuators):
            del self._waiting[name]
            self._tried.discard(name)

    def take(self, now_ms: int) -> Action | None:
        """What is to be written next, or None when nothing can be now. It is out of the queue then."""
        closes = [action for action in self._waiting.values() if action.safe]
        fresh = [action for action in closes if action.actuator not in self._tried]
        fresh.sort(key=lambda action: action.device in self._again_ms)
        again = [action for action in closes if self._again_ms.get(action.device, 0) <= now_ms]
        opens = [action for action in self._waiting.values() if not action.safe]
        found = next(iter((*fresh, *again, *opens)), None)
        if found is not None:
            del self._waiting[found.actuator]
            self._tried.discard(found.actuator)
        return found

    @property
    def close_waits(self) -> bool:
        """Whether a close waits that has not been tried yet."""
        return any(action.safe and action.actuator not in self._tried for action in self._waiting.values())

    def next_ms(self) -> int | None:
        """When `take` has something again; in the past if it has now. None when nothing waits."""
        return min((self._due_ms(action) for action in self._waiting.values()), default=None)

    def answered(self, device: str) -> None:
        """The device has answered: what waits for it can be carried out now."""
        self._told.discard(device)
        if self._again_ms.pop(device, None) is not None:
            self._tried -= {name for name, action in self._waiting.items() if action.device == device}

    def silent(self, device: str, now_ms: int) -> None:
        """The device has not answered a poll: others' closes go before its own."""
        self._again_ms.setdefault(device, now_ms)

    def failed(self, action: Action, now_ms: int) -> bool:
        """Nobody answered a write. A close goes on waiting. False when the device was known to be silent."""
        news = action.device not in self._told
        self._told.add(action.device)
        self._again_ms[action.device] = now_ms + RETRY_MS
        if action.safe:
            self._waiting.setdefault(action.actuator, action)
        self._tried |= {a.actuator for a in self._waiting.values() if a.device == action.device and a.safe}
        return news

    def overtaken(self, opening: Action) -> bool:
        """Whether the same actuator has been told to be off while this opening waited, for the disk or the port."""
        return self._off_decided_ms.get(opening.actuator, -1) >= opening.decided_mono_ms

    def _due_ms(self, action: Action) -> int:
        return self._again_ms.get(action.device, 0) if action.actuator in self._tried else 0
