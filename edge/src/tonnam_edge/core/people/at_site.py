"""What a person asks of the controller at the place itself: lock, unlock, clear, refilled, power_cut, stands."""

from __future__ import annotations

from typing import Literal

import msgspec

from tonnam_edge.core import texts
from tonnam_edge.core.dosing.kept import Kept
from tonnam_edge.core.dosing.refill import power_cut, refilled
from tonnam_edge.core.image import Now
from tonnam_edge.core.latches import Latches
from tonnam_edge.core.memory import Text
from tonnam_edge.core.people import people_texts
from tonnam_edge.core.people.lockouts import Lockouts
from tonnam_edge.site.site import Site


class Request(msgspec.Struct, frozen=True):
    """A wish. Without a `zone` the whole site is meant; without a `latch` all of them."""

    id: str
    deed: Literal["lock", "unlock", "clear", "stands", "refilled", "power_cut"]
    who: str = ""
    why: str = ""
    zone: str | None = None
    latch: str | None = None
    injector: str | None = None


class Answer(msgspec.Struct, frozen=True):
    """What came of it, on disk by the time it is given; and what stands now, line by line."""

    id: str
    done: bool
    text: Text
    stands: tuple[Text, ...] = ()


def answer(request: Request, site: Site, lockouts: Lockouts, latches: Latches, now: Now, dosing: Kept) -> Answer:
    """Do what is asked. `dosing` is what injectors have dosed."""
    known = {*site.zones, *site.stations}
    if request.zone is not None and request.zone not in known and request.deed == "lock":
        done, text = False, people_texts.no_such_zone(request.zone, known)
    elif request.deed == "lock":
        done = lockouts.lock(request.zone, request.who, request.why, now)
        text = people_texts.locked_now() if done else people_texts.too_many_locks()
    elif request.deed == "unlock":
        count = lockouts.unlock(request.zone, request.who, now)
        done, text = count > 0, people_texts.unlocked(count) if count else _not_locked(request.zone, known)
    elif request.deed == "clear":
        wanted = [latch.id for latch in latches.standing() if request.latch in {None, latch.id}]
        done = sum(latches.clear(latch_id, request.who, now) for latch_id in wanted) > 0
        text = people_texts.latch_cleared() if done else people_texts.latch_unknown()
    elif request.deed == "refilled":
        done, text = refilled(request.injector, request.who, site, dosing, latches, now)
    elif request.deed == "power_cut":
        done, text = power_cut(request.injector, request.who, site, dosing)
    else:
        done, text = True, people_texts.what_stands()
    return Answer(request.id, done, text, _stands(lockouts, latches))


def _not_locked(zone: str | None, known: set[str]) -> Text:
    """Why nothing was unlocked."""
    strange = zone is not None and zone not in known
    return people_texts.no_such_zone(zone or "", known) if strange else people_texts.nothing_locked()


def _stands(lockouts: Lockouts, latches: Latches) -> tuple[Text, ...]:
    locked = [lockouts.text(each) for each in lockouts.standing()]
    found = [
        texts.text(f"{each.id} {each.text['th']}", f"{each.id} {each.text['en']}") for each in latches.standing()
    ]
    return (*locked, *found)
