"""Whether the intake of a station's pumps has water: by its gauge, and while that says nothing by a pump's current.

What was dry when the gauge was last read stays so for `retry_min`; then one pump tries. Without that a gauge that
drops out now and then would start pumps into a dry intake each time.
"""

from __future__ import annotations

from collections.abc import Iterable

from tonnam_edge.core.image import Image
from tonnam_edge.core.memory import Text
from tonnam_edge.core.stations import texts
from tonnam_edge.core.stations.drive import Drive, No
from tonnam_edge.core.stations.kept import StationKept
from tonnam_edge.site.station_file import StationPart


class Intake:
    """The intake of one station; a gate has none. Times are since boot, in milliseconds."""

    def __init__(self, station: StationPart, site: str, mono_ms: int) -> None:
        self._part = station.dry
        self._site = site
        self._heard = mono_ms  # the last word of its gauge, the last trial, or the start
        self._trial = False
        self._readable: set[str] = set()  # pumps whose current would tell that they run dry
        self.cm: float | None = None

    def look(self, image: Image, kept: StationKept, drives: Iterable[Drive]) -> None:
        """Take in the level. Between `below_cm` and `again_cm` what was stays."""
        dry, mono_ms = self._part, image.now.mono_ms
        if dry is None:
            return
        self.cm = image.value(f"{self._site}/{dry.level}")
        self._readable = {drive.name for drive in drives if _can_tell(drive, image)}
        if self.cm is not None:
            self._heard = mono_ms
            kept.dry = self.cm < dry.below_cm or (kept.dry and self.cm < dry.again_cm)
            if self.cm >= dry.again_cm:
                for drive in drives:
                    drive.forget_blind_trial()
        self._trial = self.cm is None and kept.dry and mono_ms - self._heard >= dry.retry_min * 60_000

    def judge(self, kept: StationKept, drives: Iterable[Drive], well: Iterable[str], mono_ms: int) -> None:
        """See what came of a trial. `well`: the pumps that are seen to draw water."""
        if not self._trial:
            return
        if any(well):
            kept.dry = self._trial = False
        elif any(mono_ms < drive.retry_ms for drive in drives):
            self._heard, self._trial = mono_ms, False

    def refuses(self, kept: StationKept) -> Text | None:
        """Why no order from afar is taken, or None."""
        return self._dry().text if kept.dry and not self._trial else None

    def forbids(self, kept: StationKept, in_turn: Iterable[Drive], mono_ms: int) -> dict[str, No]:
        """Why pumps would run without water, by pump. `in_turn`: all of them, next to run first, if it may."""
        found: dict[str, No] = {}
        tried = False
        for drive in in_turn if self._part is not None else ():
            tries = self._trial and not tried and drive.name in self._readable
            no = self._forbids(drive, kept, mono_ms, tries=tries)
            if no is not None:
                found[drive.name] = no
            tried = tried or tries
        return found

    def deadlines_mono_ms(self) -> Iterable[int]:
        """When it must be looked at again."""
        if self._part is not None:
            yield self._heard + round(self._part.retry_min * 60_000)

    def _forbids(self, drive: Drive, kept: StationKept, mono_ms: int, *, tries: bool) -> No | None:
        tells = drive.actuator.part.dry_below is not None and drive.actuator.current is not None
        guarded = self._trial and drive.name not in self._readable and drive.safe_active
        if kept.dry and not (tries or guarded):
            return self._dry()
        if mono_ms < drive.retry_ms and drive.retry_why is not None:
            return No(f"retry:{drive.name}", drive.retry_why)
        blind = self.cm is None and not tells
        return No("intake unknown", texts.intake_unknown()) if blind and not drive.safe_active else None

    def _dry(self) -> No:
        assert self._part is not None
        if self.cm is None:
            return No("dry unseen", texts.dry_unseen(self._part.retry_min))
        return No("dry", texts.dry(self.cm, self._part.again_cm))


def _can_tell(drive: Drive, image: Image) -> bool:
    return drive.actuator.part.dry_below is not None and image.value(drive.actuator.current) is not None
