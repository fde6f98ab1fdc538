"""What stands must hold: locks and latches keep water off, and what must be latched is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.season.drive import Episode
from tests.season.record import Span, clock
from tests.season.spans import without
from tonnam_edge.site.site import Site
from tonnam_sim.world.faults import MeterPhantom

COMMANDS = frozenset({"water", "stop", "clear", "lock", "visit"})
# Latches that limit and block nothing, and those of dosing, beside which plain water goes on.
LIMIT = frozenset({"meter_still", "together", "dosing", "stock_empty"})
# A stray pulse may come; so many are a leak, found by the second look that the driver takes when all is quiet.
LEAK_PULSES, LOOK_S = 3, 3600.0


@dataclass
class Standing:
    """What stands now, as it was told: locks by zone (None: the site) and who has set them, latches by their id."""

    locks: set[tuple[str | None, str]] = field(default_factory=set)
    latches: dict[str, tuple[str, str]] = field(default_factory=dict)

    def hear(self, kind: str, body: dict[str, Any]) -> None:
        """Take over what an event tells."""
        if kind == "lock.set":
            self.locks.add((body["zone"], body["who"]))
        elif kind == "lock.cleared":
            self.locks.discard((body["zone"], body["who"]))
        elif kind == "latch.set":
            self.latches[body["latch"]] = (body["of"], body["subject"])
        elif kind == "latch.cleared":
            self.latches.pop(body["latch"], None)

    def against(self, outlet: str, site: Site) -> str | None:
        """What of it keeps water from an outlet, or None."""
        for zone, who in self.locks:
            if zone in {None, outlet}:
                return f"the lock of {who}"
        return next(
            (f"{of} of {what}" for of, what in self.latches.values() if _blocks(of, what, outlet, site)), None
        )


def _blocks(of: str, subject: str, outlet: str, site: Site) -> bool:
    """What docs/people.md says that a latch blocks: its zone; of a pump, master valve or meter all that use it."""
    if of in LIMIT:
        return False
    paths = site.paths
    if of == "memory_lost" or subject in {outlet, paths.meter(outlet), *paths.of(outlet)}:
        return True
    supply = paths.outlets[outlet].supply
    beside = {name for each in paths.supplies[supply] for name in paths.of(each)}
    if of == "welded":
        return subject in beside
    shared = {paths.meter_of_supply(pump) for group in paths.groups_of(supply) for pump in group.pumps}
    return of == "leak" and subject in shared


def locked_and_latched_stand_still(episode: Episode) -> Iterator[str]:
    """Nothing of ours starts where somebody has locked, or where something stands latched that concerns it."""
    stands = Standing()
    for at_ms, event in episode.record.events:
        stands.hear(event.kind, event.body)
        if event.kind not in {"run.started", "flush.started"} or event.body.get("cause") == "hand":
            continue
        outlet = event.body.get("zone") or event.body["filter"]
        why = stands.against(outlet, episode.site)
        if why is not None:
            yield f"{outlet} was started in spite of {why} at {clock(at_ms)}"


def leaks_are_looked_for(episode: Episode) -> Iterator[str]:
    """With one fault alone: a meter that goes on counting while all is closed and has settled is latched."""
    faults = [blow for blow in episode.case.blows if blow.kind not in COMMANDS]
    if len(faults) != 1 or not episode.layout.metered:
        return
    for fault in episode.world.faults:
        if isinstance(fault, MeterPhantom):
            yield from _leak_is_found(episode, fault)


def _leak_is_found(episode: Episode, fault: MeterPhantom) -> Iterator[str]:
    until_s = episode.now_ms / 1000 if fault.until_s is None else min(fault.until_s, episode.now_ms / 1000)
    counts = Span("meter", round(1000 * fault.at_s), round(1000 * until_s))
    for part in episode.site.paths.meters.values():
        pulses_s = LEAK_PULSES * episode.layout.config.pulse_l / fault.l_min * 60
        if pulses_s > part.leak_within_min * 60:
            return  # drops that are no leak
        most_s = part.settle_s + pulses_s + 2 * LOOK_S
        for quiet in without([counts], _runs(episode)):
            if quiet.seconds > most_s and not _leak_stands(episode, quiet.to_ms):
                yield f"the meter counted for {quiet.seconds:.0f} s with all closed at {clock(quiet.from_ms)}"
        return


def _runs(episode: Episode) -> list[Span]:
    """From each start of water to its end, in their order."""
    ends = {e.body["run_id"]: at for kind in ("run", "flush") for at, e in episode.record.of(f"{kind}.ended")}
    begun = [each for kind in ("run", "flush") for each in episode.record.of(f"{kind}.started")]
    return sorted(
        (Span("run", at, ends.get(event.body["run_id"], episode.now_ms)) for at, event in begun),
        key=lambda span: span.from_ms,
    )


def _leak_stands(episode: Episode, at_ms: int) -> bool:
    """Whether a leak stood latched then, or was until a person has just cleared it."""
    stands = Standing()
    told = [(at, event) for at, event in episode.record.events if at <= at_ms]
    for at, event in told:
        if event.kind != "latch.cleared" or at_ms - at > 2 * LOOK_S * 1000:
            stands.hear(event.kind, event.body)
    return any(of == "leak" for of, _ in stands.latches.values())
