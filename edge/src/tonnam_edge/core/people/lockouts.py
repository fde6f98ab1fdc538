"""Lock-outs: somebody works on the pipes, and nothing may start. Set from anywhere, cleared on site only."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tonnam_edge.core.image import Now
from tonnam_edge.core.latches import Tell
from tonnam_edge.core.memory import Lockout, Memory, Text
from tonnam_edge.core.people import people_texts
from tonnam_edge.core.people.modes import Mode, Turned
from tonnam_edge.site.site import Site

MOST = 50


class Lockouts:
    """The lock-outs of a site. They survive restarts; nothing but `unlock` and a zone's own switch removes them."""

    def __init__(self, memory: Memory, site: Site, tell: Tell, new_id: Callable[[], str]) -> None:
        self._memory, self._site, self._tell, self._new_id = memory, site, tell, new_id

    def lock(self, zone: str | None, who: str, why: str, now: Now, *, afar: bool = False) -> bool:
        """Lock a zone, or with None the site; the same person's lock there is replaced. False: there are too many."""
        for standing in self.standing():
            if (standing.zone, standing.who) == (zone, who):
                del self._memory.lockouts[standing.id]
        if len(self._memory.lockouts) >= MOST:
            return False
        lockout = Lockout(self._new_id(), zone, who, why, now.wall_ms, now.stamp, afar)
        self._memory.lockouts[lockout.id] = lockout
        self._tell("lock.set", now, lock=lockout.id, zone=zone, who=who, why=why, afar=afar, text=self.text(lockout))
        return True

    def unlock(self, zone: str | None, by: str, now: Now) -> int:
        """Remove the lock-outs of a zone, or with None all of the site. How many there were."""
        found = [each for each in self.standing() if zone is None or each.zone == zone]
        for lockout in found:
            self._remove(lockout, by, now)
        return len(found)

    def switched(self, turned: Turned, now: Now) -> None:
        """A switch that was turned to off and then back to auto unlocks its zone. The site is unlocked when that was
        done with every zone's."""
        for lockout in self.standing():
            if lockout.zone not in {None, turned.zone}:
                continue
            if turned.mode is Mode.OFF and turned.zone not in lockout.off:
                self._keep(msgspec.structs.replace(lockout, off=(*lockout.off, turned.zone)))
            elif turned.mode is Mode.AUTO and turned.zone in lockout.off:
                done = {*lockout.turned, turned.zone}
                self._keep(msgspec.structs.replace(lockout, turned=tuple(sorted(done))))
                if lockout.zone is not None or done >= set(self._site.zones):
                    self._remove(lockout, "switch", now)

    def standing(self) -> tuple[Lockout, ...]:
        """Those that stand, in the order in which they were set. One of a zone that is no more stands, too."""
        return tuple(self._memory.lockouts.values())

    def blocks(self, zone: str) -> Text | None:
        """Why nothing may start in a zone, or None."""
        found = next((each for each in self.standing() if each.zone in {None, zone}), None)
        return None if found is None else self.text(found)

    def text(self, lockout: Lockout) -> Text:
        """Who has locked what, and why."""
        zone, station = self._site.zones.get(lockout.zone or ""), self._site.stations.get(lockout.zone or "")
        named = station if zone is None else zone.part
        return people_texts.locked(lockout.who, lockout.why, None if named is None else named.name)

    def _keep(self, lockout: Lockout) -> None:
        self._memory.lockouts[lockout.id] = lockout

    def _remove(self, lockout: Lockout, by: str, now: Now) -> None:
        del self._memory.lockouts[lockout.id]
        self._tell("lock.cleared", now, lock=lockout.id, zone=lockout.zone, who=lockout.who, by=by)
