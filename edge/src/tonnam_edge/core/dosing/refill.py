"""A person at the controller says that an injector's tank is full, or its power cut. Nobody afar can say so."""

from __future__ import annotations

from tonnam_edge.core.dosing import dosing_texts as texts
from tonnam_edge.core.dosing.kept import Kept
from tonnam_edge.core.image import Now
from tonnam_edge.core.latches import Latches, LatchKind
from tonnam_edge.core.memory import Text
from tonnam_edge.site.site import Site


def refilled(injector: str | None, who: str, site: Site, kept: Kept, latches: Latches, now: Now) -> tuple[bool, Text]:
    """Count what it doses from zero again, and clear that it was empty. Caps of hour and day stay as they are."""
    if injector not in {part.id for part in site.file.injector}:
        return False, texts.unknown_injector(injector or "")
    kept.stock(str(injector)).used_ml = 0.0
    for latch in latches.standing():
        if latch.subject == injector and latch.kind == LatchKind.STOCK_EMPTY:
            latches.clear(latch.id, who, now)
    return True, texts.refilled()


def power_cut(injector: str | None, who: str, site: Site, kept: Kept) -> tuple[bool, Text]:
    """Believe a person more than the contact of a dosing pump that says it runs, until that contact opens."""
    if injector not in {part.id for part in site.file.injector}:
        return False, texts.unknown_injector(injector or "")
    if injector not in kept.runs_on:
        return False, texts.does_not_run_on()
    kept.runs_on[injector] = who
    return True, texts.power_cut()
