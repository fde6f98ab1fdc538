"""What a pump may do that nobody has told to run, where one fault alone makes it: stand soon, or be told of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tests.season.drive import Episode
from tests.season.record import Span, clock
from tests.season.spans import pumping, pumps, without
from tonnam_edge.limits import CURRENT_SETTLES_S, PROVE_S, REPEAT_OFF_S, WELD_LOOK_S
from tonnam_edge.site.site import Actuator

# What makes a pump run that nobody has told to.
DRIVES_PUMPS = frozenset({"stuck_coil", "welded_contact", "foreign_write", "cabinet_switch"})
COMMANDS = frozenset({"water", "stop", "clear", "lock", "visit"})
TRANSACTION_S = 2.0
# docs/plant.md: the water after the relay, the current after that, and a transaction. The coil is closed at once.
STANDS_S = WELD_LOOK_S + CURRENT_SETTLES_S + TRANSACTION_S
# A coil that still reads open after a close that was said twice; the valves that end the water go on from there.
TOLD_S = max(STANDS_S, PROVE_S + REPEAT_OFF_S + TRANSACTION_S)
# Before a weld shows in the water alone its run must have had some.
WATERED_S = 60.0
SEEN = frozenset({"welded", "not_closed", "unexpected"})


def one_fault_runs_no_pump_unseen(episode: Episode) -> Iterator[str]:
    """With one fault alone a pump that nobody told to run stands soon where its contactor can stop it, and is latched
    as soon where nothing can, but its current or a meter tells of it."""
    faults = [blow for blow in episode.case.blows if blow.kind not in COMMANDS]
    if len(faults) != 1 or faults[0].kind not in DRIVES_PUMPS:
        return
    for pump in pumps(episode):
        actuator = episode.site.actuators[pump]
        for span in without(pumping(episode, pump), _told_to_run(episode, actuator)):
            if actuator.part.contactor is not None and span.seconds > STANDS_S:
                yield f"{pump} ran on for {span.seconds:.0f} s with a contactor at {clock(span.from_ms)}"
            elif span.seconds > TOLD_S and _shows(episode, actuator, span) and not _latched(episode, pump, span):
                yield f"nobody told that {pump} ran on for {span.seconds:.0f} s at {clock(span.from_ms)}"


def _told_to_run(episode: Episode, pump: Actuator) -> list[Span]:
    """When it was told to run: from its opening to its close, or to the deadline that its board was given."""
    found: list[Span] = []
    since: tuple[int, float] | None = None
    for act in (each for each in episode.record.acts if each.action.actuator == pump.id and each.done):
        if since is not None:
            found.append(Span(pump.id, since[0], min(act.at_ms, _ends_ms(since))))
        since = (act.at_ms, act.action.hold_s or (pump.part.cut_off_min or 0.0) * 60) if act.action.open else None
    if since is not None:
        found.append(Span(pump.id, since[0], min(episode.now_ms, _ends_ms(since))))
    return found


def _ends_ms(since: tuple[int, float]) -> int:
    return since[0] + round(1000 * since[1])


def _shows(episode: Episode, pump: Actuator, span: Span) -> bool:
    """Whether anything can tell of it: its coil, its current, or water that goes on after a run."""
    kind = next(blow.kind for blow in episode.case.blows if blow.kind in DRIVES_PUMPS)
    if kind in {"stuck_coil", "foreign_write"} or pump.part.current is not None:
        return True
    if not episode.layout.metered or pump.part.power is not None:
        return False
    ended = [run for run in _told_to_run(episode, pump) if run.to_ms == span.from_ms]
    return any(run.seconds >= WATERED_S for run in ended)


def _latched(episode: Episode, pump: str, span: Span) -> bool:
    """Whether it was latched within the bound, or stood latched then."""
    until_ms = span.from_ms + round(1000 * TOLD_S)
    stands: defaultdict[str, int] = defaultdict(int)
    for at_ms, event in episode.record.events:
        if at_ms > until_ms:
            break
        if event.kind == "latch.set" and event.body["of"] in SEEN and event.body["subject"] == pump:
            stands[event.body["latch"]] = at_ms
        elif event.kind == "latch.cleared" and at_ms < span.from_ms:
            stands.pop(event.body["latch"], None)
    return bool(stands)
