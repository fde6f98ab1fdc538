"""What the agent tells the cloud: frames at a steady beat, states when they change, and the site itself."""

from __future__ import annotations

from typing import Any

from tonnam_edge.core.image import Image
from tonnam_edge.core.texts import minutes, text
from tonnam_edge.site.profile import Words
from tonnam_edge.site.program_file import AnyProgram, LightPart, MoisturePart, TimerPart
from tonnam_edge.site.site import Site, Zone
from tonnam_edge.site.station_file import StationPart
from tonnam_link.messages import Frame, Sample

SMALL_STEP_MS = 60_000


class Frames:
    """Makes frames: everything every `every_s`, and between beats what changed of states and qualities."""

    def __init__(self, site: Site) -> None:
        self._every_ms = round(site.file.telling.every_s * 1000)
        self._states = {a.datastream.id for a in site.actuators.values()}
        self._told: dict[str, Sample] = {}
        self._beat_mono_ms: int | None = None
        self._last_ms = 0

    def of(self, image: Image) -> Frame | None:
        """The frame that this image is worth, or None. Its time rises, but for a clock that was put back by far."""
        full = self._beat_mono_ms is None or image.now.mono_ms - self._beat_mono_ms >= self._every_ms
        if full:
            self._beat_mono_ms = image.now.mono_ms
            worth = dict(image.samples)
        else:
            worth = {name: sample for name, sample in image.samples.items() if self._changed(name, sample)}
        if not worth:
            return None
        self._told.update(worth)
        if not image.now.sure:
            return Frame(image.now.wall_ms, worth, image.now.stamp)
        self._last_ms = rising(image.now.wall_ms, self._last_ms)
        return Frame(self._last_ms, worth)

    def urgent(self, frame: Frame) -> bool:
        """Whether a frame holds more than the steady beat: then it is not kept waiting."""
        return len(frame.samples) < len(self._told)

    def _changed(self, name: str, sample: Sample) -> bool:
        before = self._told.get(name)
        if before is None or before.quality != sample.quality:
            return True
        return name in self._states and before.value != sample.value


def rising(wall_ms: int, last_ms: int) -> int:
    """The time of a frame after one at `last_ms`: later by a millisecond when the clock has gone back a little.

    A clock that went back by more was put right: to go on from its wrong time would freeze readings in the future.
    """
    return last_ms + 1 if 0 <= last_ms - wall_ms < SMALL_STEP_MS else wall_ms


def described(site: Site) -> dict[str, Any]:
    """The body of `site.described`: the whole truth of the site, for the cloud to keep."""
    place, tank = site.file.site, site.file.tank
    zone_pumps = [a for a in site.actuators.values() if a.part.role == "pump" and a.id not in site.stationed]
    pumps = [a.datastream.id for a in zone_pumps]
    return {
        "site": {
            "id": place.id,
            "kind": "city" if site.stations and not site.zones else "farm",
            "name": both(place.name),
            "latitude": place.latitude,
            "longitude": place.longitude,
        },
        "datastreams": [
            {"id": d.id, "name": both(d.name), "unit": d.unit, "max_age_s": d.max_age_s, "kind": d.kind}
            for d in site.datastreams
        ],
        "zones": [_zone(site, zone) for zone in site.zones.values()],
        "pump": pumps[0] if pumps else None,
        "tank": None if tank is None else {"datastream": site.tank_level, "full_cm": tank.full_cm},
        "flow": site.flow_rate,
        "sensors": [],
        "stations": [_station(site, station) for station in site.stations.values()],
    }


def both(words: Words) -> dict[str, str]:
    return {"th": words.th, "en": words.en}


def _zone(site: Site, zone: Zone) -> dict[str, Any]:
    part = zone.part
    return {
        "id": part.id,
        "name": both(part.name),
        "crop": both(part.crop),
        "area_m2": part.area_m2,
        "moisture": zone.moisture,
        "band_low_pct": None if part.band is None else part.band.low_pct,
        "band_high_pct": None if part.band is None else part.band.high_pct,
        "valve": site.actuators[part.valve].datastream.id,
        "max_run_s": round(zone.max_run_s),
        "programs": [
            {"id": p.id, "kind": p.kind, "text": program_text(p, zone)} for p in site.programs if p.zone == zone.id
        ],
    }


def _station(site: Site, station: StationPart) -> dict[str, Any]:
    moved = [site.actuators[name] for name in station.moved]
    return {
        "id": station.id,
        "name": both(station.name),
        "kind": "gate" if station.gate else "pumps",
        "level": f"{site.id}/{station.level}",
        "witness": None if station.witness is None else f"{site.id}/{station.witness.level}",
        "start_cm": station.start_cm,
        "stop_cm": station.stop_cm,
        "parts": [
            {
                "id": one.id,
                "name": both(one.part.name),
                "datastream": one.datastream.id,
                "safe_state": one.part.safe_state,
            }
            for one in moved
        ],
    }


def program_text(program: AnyProgram, zone: Zone) -> dict[str, str]:
    """A program in one line, as a farmer would say it."""
    if isinstance(program, TimerPart):
        return _timer_text(program)
    if isinstance(program, MoisturePart):
        band, pulse, rest = zone.band, minutes(program.pulse_min * 60), minutes(program.rest_min * 60)
        return text(
            f"ต่ำกว่า {band.low_pct:g}% รดครั้งละ {pulse['th']} พัก {rest['th']} จนถึง {band.high_pct:g}%",
            f"Below {band.low_pct:g}%: {pulse['en']}, rest {rest['en']}, until {band.high_pct:g}%",
        )
    if isinstance(program, LightPart):
        return text(
            f"ต้นละ {program.dose_ml_plant:g} มล. ทุกแสงสะสม {program.dose_j_cm2:g} จูล/ตร.ซม.",
            f"{program.dose_ml_plant:g} mL a plant for every {program.dose_j_cm2:g} J/cm2 of light",
        )
    when = text("เมื่อพืชใช้น้ำถึงเกณฑ์", "when the crop has used it") if program.at is None else _at(program.at)
    return text(f"คิดจากน้ำที่พืชใช้ เติม{when['th']}", f"By the water that the crop uses, {when['en']}")


def _timer_text(program: TimerPart) -> dict[str, str]:
    length, days = minutes(program.run_min * 60), _days(program)
    season = text("", "") if len(set(program.season_pct)) == 1 else text(" (ปรับตามเดือน)", " (by the season)")
    if program.at is not None:
        at = _at(program.at)
        return text(
            f"รด{days['th']} {at['th']} {length['th']}{season['th']}",
            f"{days['en']} {at['en']}, {length['en']}{season['en']}",
        )
    done = _at(program.finish or "")
    return text(
        f"รด{days['th']} ให้เสร็จ {done['th']} {length['th']}{season['th']}",
        f"{days['en']}, done {done['en'].replace('at ', 'by ')}, {length['en']}{season['en']}",
    )


_DAY_TH = {"mon": "จ.", "tue": "อ.", "wed": "พ.", "thu": "พฤ.", "fri": "ศ.", "sat": "ส.", "sun": "อา."}


def _days(program: TimerPart) -> dict[str, str]:
    if program.every_days > 1:
        return text(f"ทุก {program.every_days} วัน", f"Every {program.every_days} days")
    if len(set(program.days)) == 7:
        return text("ทุกวัน", "Every day")
    return text("วัน" + " ".join(_DAY_TH[day] for day in program.days), ", ".join(day.title() for day in program.days))


def _at(at: str) -> dict[str, str]:
    if at[0].isdigit():
        return text(f"{at} น.", f"at {at}")
    rising = at.startswith("sunrise")
    sun_th, sun_en = ("พระอาทิตย์ขึ้น", "sunrise") if rising else ("พระอาทิตย์ตก", "sunset")
    offset = at[len("sunrise") if rising else len("sunset") :]
    if not offset:
        return text(f"ตอน{sun_th}", f"at {sun_en}")
    number = offset[1:-1]
    if offset[0] == "+":
        return text(f"หลัง{sun_th} {number} นาที", f"{number} minutes after {sun_en}")
    return text(f"ก่อน{sun_th} {number} นาที", f"{number} minutes before {sun_en}")
