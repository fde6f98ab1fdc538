"""Which nodes behind a gateway are there, as their site's broker tells, and what the cloud is still to be told.

Pure: no socket and no clock of its own. Times are seconds of one monotonic clock, passed in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec
from msgspec.structs import replace

from tonnam_link.messages import Presence
from tonnam_link.topics import Origin

MAX_PRESENCE_BYTES = 4_096
LONGEST_SESSION = 64
MOST_MS = 2**53


def read_presence(payload: bytes) -> Presence | None:
    """The presence that a node published; None when it cannot be read or is not of a size to keep."""
    if len(payload) > MAX_PRESENCE_BYTES:
        return None
    try:
        presence = msgspec.json.decode(payload, type=Presence)
    except (ValueError, RecursionError):  # not only what is no JSON: what is no UTF-8 either
        return None
    fits = len(presence.session) <= LONGEST_SESSION and "\0" not in presence.session
    return presence if fits and abs(presence.at_ms) <= MOST_MS else None


class Attendance:
    """Keeps the last presence of each node, and doubts all of them whenever the site's broker was lost.

    A broker may come back without what it had kept, and a node may have died meanwhile without anybody to tell it.
    So only what is heard on the new connection counts; who stays silent is taken for offline in the end.

    What is told goes out under one session name, the gateway's: only the gateway speaks for the node, so each word
    of it takes the place of the one before, whatever sessions the node had while nobody listened.
    """

    def __init__(self, origins: Sequence[Origin], gateway: Origin, now: float) -> None:
        self._session = f"via-{gateway.node}"
        self._doubted = dict.fromkeys(origins, now)
        self._origins = origins
        self._last: dict[Origin, Presence] = {}
        self._untold: set[Origin] = set()
        self._told_lately: set[Origin] = set()

    def hear(self, origin: Origin, presence: Presence) -> None:
        """Note what a node, or its last will, has published."""
        before = None if origin in self._doubted else self._last.get(origin)
        if before is not None and before.online and not presence.online and presence.session != before.session:
            return  # the last will of an older session
        self._doubted.pop(origin, None)
        self._note(origin, presence)

    def doubt_all(self, now: float) -> None:
        """The site's broker was lost: what was heard may not be so any more."""
        for origin in self._origins:
            self._doubted.setdefault(origin, now)

    def give_up(self, doubted_before: float, at_ms: int | None, spare: Collection[Origin] = ()) -> None:
        """Take for offline whom we have doubted since then.

        Who has never told a presence but is known to be there otherwise is to be spared.
        """
        for origin in [each for each, since in self._doubted.items() if since <= doubted_before]:
            del self._doubted[origin]
            before = self._last.get(origin)
            if before is None and origin not in spare:
                self._note(origin, Presence(self._session, False, at_ms or 0))
            elif before is not None and before.online:
                self._note(origin, replace(before, online=False, at_ms=before.at_ms if at_ms is None else at_ms))

    def tell_all_again(self) -> None:
        """The cloud may know nothing."""
        self._told_lately.clear()
        self._untold.update(self._last)

    def next_round(self) -> None:
        """In each round a node is told of no more than once, however often it comes and goes."""
        self._told_lately.clear()

    def to_tell(self) -> Iterable[tuple[Origin, bytes]]:
        """What to tell in this round; see `told`."""
        for origin in self._untold - self._told_lately:
            yield origin, msgspec.json.encode(replace(self._last[origin], session=self._session))

    def told(self, origin: Origin) -> None:
        """The last that `to_tell` gave for a node is on its way."""
        self._untold.discard(origin)
        self._told_lately.add(origin)

    def _note(self, origin: Origin, presence: Presence) -> None:
        self._last[origin] = presence
        self._untold.add(origin)
