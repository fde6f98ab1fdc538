"""Whether a station does what it was told: by current, by limit switches, and by the level that ought to fall.

What unknown means: a current or a limit switch that is not read proves nothing and latches nothing; the coil counts.
"""

from __future__ import annotations

from collections.abc import Sequence

from tonnam_edge.core.image import Image
from tonnam_edge.core.latches import Latches, LatchKind, Tell
from tonnam_edge.core.memory import Text
from tonnam_edge.core.plant.actuators import Actuators
from tonnam_edge.core.stations import texts
from tonnam_edge.core.stations.drive import Drive
from tonnam_edge.limits import CURRENT_SETTLES_S, DRY_S, PROVE_S
from tonnam_edge.site.station_file import StationPart

# A level that rises by less than this while pumps run may be a wave.
WAVE_CM = 2.0


class Proofs:
    """Looks at the drives of one station. Times are since boot, in milliseconds."""

    def __init__(
        self,
        station: StationPart,
        site: str,
        drives: Sequence[Drive],
        actuators: Actuators,
        latches: Latches,
        tell: Tell,
    ) -> None:
        self._station, self._site, self._drives, self._actuators = station, site, drives, actuators
        self._latches, self._tell = latches, tell
        self._since: dict[tuple[str, str], int] = {}  # since when something is wrong, by drive and what
        self._pumped_from: tuple[int, float] | None = None
        self._rise_told = False
        self.rising: Text | None = None
        self.well: set[str] = set()  # the pumps whose current says that they draw water

    def look(self, image: Image, intake_cm: float | None, *, dry: bool) -> None:
        """Latch what is wrong, and let a pump rest that draws no water. `dry`: its intake is, as far as is known."""
        for drive in self._drives:
            self._look_for_safety(drive, image)
            self._look_at_current(drive, image, intake_cm, dry=dry)
            self._look_at_limits(drive, image)
        self._look_at_trend(image)

    def seen(self, drive: Drive, image: Image) -> str:
        """What a drive is seen to be that somebody else moves: by its limit switches, or its current."""
        if self._station.seen is not None:
            ends = {"open": self._station.seen.open, "closed": self._station.seen.closed}
            found = [state for state, name in ends.items() if image.value(f"{self._site}/{name}")]
            return found[0] if len(found) == 1 else "unknown"
        current = image.value(drive.actuator.current)
        return "unknown" if current is None else "on" if current >= (drive.actuator.part.runs_above or 0.5) else "off"

    def rest(self) -> None:
        """Somebody has it in hand: nothing that is seen now says anything of us."""
        self._since.clear()
        self.well.clear()
        self._pumped_from, self.rising, self._rise_told = None, None, False

    def _lasts(self, drive: Drive, what: str, wrong: bool, seconds: float, mono_ms: int) -> bool:
        """Whether something has been wrong for so long."""
        if not wrong:
            self._since.pop((drive.name, what), None)
            return False
        return mono_ms - self._since.setdefault((drive.name, what), mono_ms) >= seconds * 1000

    def _look_for_safety(self, drive: Drive, image: Image) -> None:
        """A board that answers and says otherwise, though its safe state was said again and again."""
        at = image.positions[drive.name]
        said = drive.active is drive.safe_active and self._actuators.overdue(drive.name)
        wrong = said and at.heard and at.open is not drive.actuator.part.safe_open
        if self._lasts(drive, "safe", wrong, PROVE_S, image.now.mono_ms):
            text = texts.not_safe(drive.words, drive.word(active=drive.safe_active))
            self._latches.set(LatchKind.NOT_SAFE, drive.name, image.now, text)

    def _look_at_current(self, drive: Drive, image: Image, intake_cm: float | None, *, dry: bool) -> None:
        part, stream, now = drive.actuator.part, drive.actuator.current, image.now
        current = image.value(stream)
        settled = image.read_mono_ms.get(stream or "", 0) >= drive.since_ms + round(CURRENT_SETTLES_S * 1000)
        if current is None or not (settled and drive.proven) or _may_have_let_go(drive, image):
            current = None
        runs_above = part.runs_above or 0.5
        runs = current is not None and current >= runs_above
        stands = current is not None and drive.active and not runs and not dry  # its own float may have stopped it
        draws_little = runs and drive.active and current is not None and current < (part.dry_below or 0.0)
        draws = runs and drive.active and part.dry_below is not None and not draws_little
        (self.well.add if self._lasts(drive, "well", draws, DRY_S, now.mono_ms) else self.well.discard)(drive.name)
        if self._lasts(drive, "stands", stands, DRY_S, now.mono_ms) and current is not None:
            self._latches.set(LatchKind.NOT_RUNNING, drive.name, now, texts.not_running(drive.words, current))
        if self._lasts(drive, "welded", runs and not drive.active, DRY_S, now.mono_ms) and current is not None:
            self._latches.set(LatchKind.WELDED, drive.name, now, texts.welded(drive.words, current))
        if self._lasts(drive, "dry", draws_little, DRY_S, now.mono_ms) and current is not None:
            self._rests(drive, current, image, intake_cm)

    def _rests(self, drive: Drive, current: float, image: Image, intake_cm: float | None) -> None:
        """No water, says its current. Where the level says that there is some, the pump itself is at fault."""
        dry = self._station.dry
        retry_min = 10.0 if dry is None else dry.retry_min
        text = texts.drew_nothing(drive.words, current, retry_min)
        drive.rest_dry(image.now.mono_ms + round(retry_min * 60_000), text, blind=intake_cm is None)
        self._since.pop((drive.name, "dry"), None)
        self._tell("station.dry", image.now, station=self._station.id, actuator=drive.name, text=text)
        if intake_cm is not None:
            self._latches.set(LatchKind.NO_FLOW, drive.name, image.now, text)

    def _look_at_limits(self, drive: Drive, image: Image) -> None:
        """It has its travel from when its board has heard: a cable that was away is nothing in its way."""
        seen = self._station.seen
        if seen is None:
            return
        told = seen.open if self._actuators.said_open(drive.name) else seen.closed
        moves = drive.proven and not _may_have_let_go(drive, image)
        late_s = drive.actuator.part.travel_s + PROVE_S
        for end in (seen.open, seen.closed):
            wrong = end == told and moves and image.value(f"{self._site}/{end}") == 0.0
            lasts = self._lasts(drive, end, wrong, late_s, image.now.mono_ms)
            read_ms = image.read_mono_ms.get(f"{self._site}/{end}", 0)
            if lasts and read_ms >= self._since[drive.name, end] + late_s * 1000:  # not by what it said on its way
                text = texts.not_moved(drive.words, drive.state)
                self._latches.set(LatchKind.NOT_MOVED, drive.name, image.now, text)

    def _look_at_trend(self, image: Image) -> None:
        """Pumps that run for long, and the water rises all the same: something is in its way."""
        within_min, dry, now = self._station.falls_within_min, self._station.dry, image.now
        level_cm = image.value(f"{self._site}/{self._station.level if dry is None else dry.level}")
        pumps = any(drive.active and drive.proven for drive in self._drives)
        if within_min is None or level_cm is None or not pumps:
            self._pumped_from, self.rising, self._rise_told = None, None, False
            return
        if self._pumped_from is None:
            self._pumped_from = now.mono_ms, level_cm
        from_ms, from_cm = self._pumped_from
        if now.mono_ms - from_ms < within_min * 60_000:
            return
        rise_cm = level_cm - from_cm
        if rise_cm < WAVE_CM:
            self._pumped_from, self.rising = (now.mono_ms, level_cm), None
        elif not self._rise_told:
            self.rising, self._rise_told = texts.still_rises(rise_cm, within_min), True
            self._tell("station.rises", now, station=self._station.id, text=self.rising)


def _may_have_let_go(drive: Drive, image: Image) -> bool:
    """Whether it is held out of its safe state by a board that is silent: its timer may have ended meanwhile."""
    return drive.active is not drive.safe_active and not image.positions[drive.name].heard
