"""What must fit together of dosing: protection, timers, caps, lines, liquids, and what zones are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

from tonnam_edge.core.dosing.liquids import compatible
from tonnam_edge.core.dosing.loop import BY_LIQUID, governs
from tonnam_edge.core.dosing.probes import Quantity
from tonnam_edge.core.dosing.pulses import LEAST_PULSE_S, MOVED_AFTER_S
from tonnam_edge.limits import EARLY_SHARE
from tonnam_edge.site.coils import timer_s
from tonnam_edge.site.dosing_file import DosePart, EcPart, InjectorPart, MixingLinePart, PhPart
from tonnam_edge.site.parts import Parts
from tonnam_edge.site.positions import Path
from tonnam_edge.site.problems import Problems, a_or_an, did_you_mean
from tonnam_edge.site.profile import Profile
from tonnam_edge.site.site import told_values
from tonnam_edge.site.site_file import ActuatorPart, DevicePart, ZonePart

NO_PREVENTER = (
    "is missing. Without a backflow preventer water with fertiliser or acid runs back into the tank and the well "
    'when the pump stops. Say what there is: { th = "...", en = "..." }'
)
NO_CLOSING = (
    "is missing. Without a valve that closes, the stock runs into the pipe by itself when it stands empty, and water "
    "into the stock. Say what there is in closing_valve, or name a valve of ours in closing_actuator"
)
NO_TIMER = (
    "cannot end a pulse by itself in off: if this machine died, it would dose on. Put it on a board with such a timer"
)
EC_UNITS, PH_UNITS = frozenset({"uS/cm", "mS/cm", "dS/m"}), frozenset({"1", "[pH]", "pH"})
# Pulses end, are seen to end, and wait for the meter: more of the time than this a dosing pump does not run.
BUSY_SHARE = 0.6
# After three of its volumes a pipe with four mixing cells holds one part in 400 of what was in it.
RINSE_VOLUMES = 3


def check_dosing(parts: Parts, profiles: Mapping[str, Profile], told: Mapping[str, str], problems: Problems) -> None:
    """Add a problem for everything of dosing that does not fit. `told`: the site's datastreams and their kinds."""
    actuators = {part.id: part for _, part in parts.of(ActuatorPart, "actuator")}
    owners: dict[str, str] = {}
    units = _units(parts, profiles)
    for index, injector in parts.of(InjectorPart, "injector"):
        path: Path = ("injector", index)
        _protection(injector, path, problems)
        _moved_by(parts, injector, actuators, owners, profiles, path, problems)
        _amounts(injector, path, problems)
        _refers(parts, "mixing_line", injector.line, (*path, "line"), problems)
        _stream(injector.runs, told, parts, (*path, "runs"), problems)
    _unused(parts, problems)
    lines = {part.id: part for _, part in parts.of(MixingLinePart, "mixing_line")}
    for index, line in parts.of(MixingLinePart, "mixing_line"):
        _line(parts, line, told, units, ("mixing_line", index), problems)
    _gas(parts, lines, problems)
    for index, zone in parts.of(ZonePart, "zone"):
        _zone(parts, zone, lines, ("zone", index), problems)


def _protection(injector: InjectorPart, path: Path, problems: Problems) -> None:
    if injector.backflow_preventer is None:
        problems.error((*path, "backflow_preventer"), NO_PREVENTER)
    if injector.closing_valve is None and injector.closing_actuator is None:
        problems.error((*path, "closing_valve"), NO_CLOSING)
    elif injector.closing_valve is not None and injector.closing_actuator is not None:
        problems.error((*path, "closing_actuator"), "closing_valve is given as well: say one of them")


def _moved_by(
    parts: Parts,
    injector: InjectorPart,
    actuators: Mapping[str, ActuatorPart],
    owners: dict[str, str],
    profiles: Mapping[str, Profile],
    path: Path,
    problems: Problems,
) -> None:
    """Its dosing pump and closing valve: of the right role, its own, and ended by the board."""
    for key, name, role in (
        ("actuator", injector.actuator, "injector"),
        ("closing_actuator", injector.closing_actuator, "valve"),
    ):
        if name is None:
            continue
        fitting = [each.id for each in actuators.values() if each.role == role]
        if name not in fitting and (name in actuators or name not in parts.names("actuator")):
            problems.error((*path, key), f'"{name}" is not {a_or_an(role)}. {did_you_mean(name, fitting)}')
            continue
        other = owners.setdefault(name, injector.id)
        if other != injector.id:
            problems.error((*path, key), f'"{name}" already belongs to "{other}"')
        if any(name in {zone.valve, zone.master} for _, zone in parts.of(ZonePart, "zone")):
            problems.error((*path, key), f'"{name}" lets the water of a zone through')
        part = actuators.get(name)
        if part is not None:
            _timer(injector, part, profiles, (*path, key), path, problems)
            if key == "actuator":
                _polled(parts, part, profiles, (*path, key), problems)


def _polled(
    parts: Parts, part: ActuatorPart, profiles: Mapping[str, Profile], path: Path, problems: Problems
) -> None:
    """Its shortest pulse should be seen in the coil: a relay that does nothing is found by that alone."""
    device = next((each for _, each in parts.of(DevicePart, "device") if each.id == part.device), None)
    profile = profiles.get(part.device)
    if device is None or profile is None:
        return
    poll_s = device.poll_s or profile.poll_s
    if poll_s > EARLY_SHARE * LEAST_PULSE_S - MOVED_AFTER_S:
        text = f'"{part.device}" is read every {poll_s:g} s, and pulses of {LEAST_PULSE_S:g} s pass between unseen'
        problems.warning(path, f"{text}: a relay that does nothing is found late, or never. Give it poll_s = 1")


def _timer(
    injector: InjectorPart,
    part: ActuatorPart,
    profiles: Mapping[str, Profile],
    at: Path,
    path: Path,
    problems: Problems,
) -> None:
    profile = profiles.get(part.device)
    if part.safe_open:
        problems.error(
            at, f'"{part.id}" has safe_state = "{part.safe_state}": it must be off when something is wrong'
        )
        return
    if profile is None or profile.relay is None:
        return
    longest_s = timer_s(part, profile.relay)
    if longest_s is None:
        problems.error(at, f'the board of "{part.id}", {profile.id}, {NO_TIMER}')
        return
    pulse_s = injector.max_pulse_ml / injector.ml_min * 60
    if at[-1] == "actuator" and pulse_s > longest_s:
        most_ml = injector.ml_min * longest_s / 60
        text = f'{injector.max_pulse_ml:.10g} takes {pulse_s:.0f} s, longer than the board of "{part.id}" can hold'
        problems.error((*path, "max_pulse_ml"), f"{text}: at most {most_ml:.0f}")


def _amounts(injector: InjectorPart, path: Path, problems: Problems) -> None:
    least_ml = injector.ml_min / 60 * LEAST_PULSE_S
    if injector.max_pulse_ml < least_ml:
        text = f"{injector.max_pulse_ml:.10g} is less than it doses in {LEAST_PULSE_S:g} s, its shortest pulse"
        problems.error((*path, "max_pulse_ml"), f"{text}: at least {least_ml:.0f}")
    for low, high in (("max_pulse_ml", "max_hour_ml"), ("max_hour_ml", "max_day_ml")):
        if getattr(injector, low) > getattr(injector, high):
            problems.error(
                (*path, low), f"{getattr(injector, low):.10g} is more than {high}, {getattr(injector, high):.10g}"
            )
    effect = injector.ph_per_ml_l
    if effect is not None and injector.liquid in {"acid", "base"} and (effect > 0) is not (injector.liquid == "base"):
        problems.error(
            (*path, "ph_per_ml_l"), f"{effect:g}: acid lowers the pH (negative), base raises it (positive)"
        )


def _unused(parts: Parts, problems: Problems) -> None:
    if len(parts.lists["injector"]) < len(parts.ids["injector"]):
        return
    used = {injector.actuator for _, injector in parts.of(InjectorPart, "injector")}
    for index, actuator in parts.of(ActuatorPart, "actuator"):
        if actuator.role == "injector" and actuator.id not in used:
            problems.warning(("actuator", index), "no [[injector]] uses it; it will only be kept off")


def _refers(parts: Parts, key: str, name: str, path: Path, problems: Problems) -> None:
    if name not in parts.names(key):
        what = key.replace("_", " ")
        problems.error(path, f'"{name}" is not {a_or_an(what)}. {did_you_mean(name, parts.names(key))}')


def _stream(name: str | None, told: Mapping[str, str], parts: Parts, path: Path, problems: Problems) -> bool:
    whole = len(parts.lists["device"]) == len(parts.ids["device"])
    if name is not None and name not in told and whole:
        problems.error(path, f'"{name}" is not a datastream of a device. {did_you_mean(name, told)}')
    return name is not None and name in told


def _line(
    parts: Parts,
    line: MixingLinePart,
    told: Mapping[str, str],
    units: Mapping[str, str],
    path: Path,
    problems: Problems,
) -> None:
    zones = [zone for _, zone in parts.of(ZonePart, "zone")]
    supplies = {zone.pump or zone.master or zone.valve for zone in zones}
    if line.feeds not in supplies and len(zones) == len(parts.ids["zone"]):
        text = f'"{line.feeds}" feeds no zone. It is the zones\' pump, else their master valve'
        problems.error((*path, "feeds"), f"{text}. {did_you_mean(line.feeds, supplies)}")
    if _stream(line.flow, told, parts, (*path, "flow"), problems):
        _flow(parts, line, told[line.flow], path, problems)
    for key, allowed in (("ec", EC_UNITS), ("ec_twin", EC_UNITS), ("ph", PH_UNITS), ("ph_twin", PH_UNITS)):
        name = getattr(line, key)
        if _stream(name, told, parts, (*path, key), problems) and units.get(name) not in allowed:
            text = f'"{name}" is in {units.get(name)}. Allowed: {", ".join(sorted(allowed))}'
            problems.error((*path, key), text)
        if key.endswith("_twin") and name is not None and getattr(line, key.removesuffix("_twin")) is None:
            problems.error((*path, key), f"needs {key.removesuffix('_twin')}: the probe that it is the twin of")
    _circulation(parts, line, path, problems)
    if line.kind == "main" and line.rinse_l < RINSE_VOLUMES * line.volume_l:
        text = f"{line.rinse_l:g} L do not clean {line.volume_l:g} L of pipe, in which old water mixes with new"
        problems.warning((*path, "rinse_l"), f"{text}: at least {RINSE_VOLUMES * line.volume_l:g}")
    if line.kind == "tank":
        found = [part for _, part in parts.of(InjectorPart, "injector") if part.line == line.id]
        for one, other in combinations(found, 2):
            if not compatible(one.liquid, [other.liquid]):
                text = f'"{one.id}" and "{other.id}" must not meet, and a tank cannot be rinsed between them'
                problems.error((*path, "kind"), f"{text}. Give each a line of its own")


def _circulation(parts: Parts, line: MixingLinePart, path: Path, problems: Problems) -> None:
    if line.circulation is None:
        return
    pumps = [part.id for _, part in parts.of(ActuatorPart, "actuator") if part.role == "pump"]
    at = (*path, "circulation")
    if line.kind != "tank":
        problems.error(at, "only a tank has it")
    if line.circulation not in pumps:
        problems.error(at, f'"{line.circulation}" is not a pump. {did_you_mean(line.circulation, pumps)}')
    elif any(line.circulation == zone.pump for _, zone in parts.of(ZonePart, "zone")):
        problems.error(at, f'"{line.circulation}" waters zones: the circulation has a pump of its own')


def _flow(parts: Parts, line: MixingLinePart, kind: str, path: Path, problems: Problems) -> None:
    if kind not in {"counter", "state"}:
        text = (
            f"\"{line.flow}\" does not prove flow. Allowed: a meter's total (a counter), or a flow switch's contact"
        )
        problems.error((*path, "flow"), text)
    elif kind == "state" and line.kind == "main" and "flow" not in parts.tables:
        text = "a flow switch counts no litres: it needs [flow], the meter by which doses and rinses are measured"
        problems.error((*path, "flow"), text)


def _gas(parts: Parts, lines: Mapping[str, MixingLinePart], problems: Problems) -> None:
    """Acid and hypochlorite in two lines of the same main would meet behind them."""
    seen: dict[str, InjectorPart] = {}
    for index, part in parts.of(InjectorPart, "injector"):
        if part.line not in lines or part.liquid not in {"acid", "hypochlorite"}:
            continue
        supply = lines[part.line].feeds
        other = seen.get(f"{supply}/{'acid' if part.liquid == 'hypochlorite' else 'hypochlorite'}")
        if other is not None and other.line != part.line:
            text = f'"{other.id}" doses {other.liquid} into the same water through "{other.line}"'
            problems.error(
                ("injector", index, "line"),
                f"{text}: they make chlorine gas. Put both on one line, which is rinsed between them",
            )
        seen.setdefault(f"{supply}/{part.liquid}", part)


def _zone(parts: Parts, zone: ZonePart, lines: Mapping[str, MixingLinePart], path: Path, problems: Problems) -> None:
    injectors = {part.id: part for _, part in parts.of(InjectorPart, "injector")}
    known: list[tuple[DosePart, InjectorPart]] = []
    for n, dose in enumerate(zone.dose):
        at = (*path, "dose", n)
        _refers(parts, "injector", dose.injector, (*at, "injector"), problems)
        if dose.injector in [each.injector for each in zone.dose[:n]]:
            problems.error((*at, "injector"), f'"{dose.injector}" is named twice')
        part = injectors.get(dose.injector)
        line = None if part is None else lines.get(part.line)
        if part is None or line is None:
            continue
        known.append((dose, part))
        if line.feeds != (zone.pump or zone.master or zone.valve):
            problems.error((*at, "injector"), f'doses into "{line.id}", whose water does not come to this zone')
        _dose(zone, dose, part, line, at, problems)
    _goals(zone, known, lines, path, problems)


def _dose(
    zone: ZonePart, dose: DosePart, part: InjectorPart, line: MixingLinePart, at: Path, problems: Problems
) -> None:
    governed = any(goal is not None and governs(q, part) for q, goal in _quantities(zone))
    if line.kind == "tank":
        if not governed:
            text = f'"{line.id}" is a tank: what goes into it goes by ec or ph of the zone, and by what this injector'
            problems.error((*at, "injector"), f"{text} does to it (ec_per_ml_l, ph_per_ml_l)")
        return
    if dose.ml_per_l == 0 and not governed:
        problems.error(
            (*at, "ml_per_l"), f"0 without a set point that moves it: nothing would be dosed{_why_not(zone, part)}"
        )
    if dose.most_ml_per_l is not None and (not governed or dose.most_ml_per_l < dose.ml_per_l):
        problems.error((*at, "most_ml_per_l"), "is for a set point that moves it, and not less than ml_per_l")
    if governed and dose.ml_per_l == 0 and dose.most_ml_per_l is None:
        problems.error(
            (*at, "most_ml_per_l"), "must be given where there is no ml_per_l: the most that a litre may get"
        )
    rate = dose.ml_per_l or dose.most_ml_per_l or 0.0
    least_ml = part.ml_min / 60 * LEAST_PULSE_S
    if 0 < rate * line.volume_l < least_ml:
        text = f"{rate:g} mL for each of {line.volume_l:g} L in the line is less than its shortest pulse"
        problems.error((*at, "ml_per_l"), f"{text}, {least_ml:.1f} mL. Take a smaller dosing pump or a weaker stock")
    if rate * zone.flow_l_min > BUSY_SHARE * part.ml_min:
        most = BUSY_SHARE * part.ml_min / zone.flow_l_min
        problems.warning(
            (*at, "ml_per_l"), f'"{part.id}" keeps up with about {most:.2g} mL/L at {zone.flow_l_min:g} L/min'
        )
    if zone.flow_l_min * zone.max_run_min < 2 * line.rinse_l:
        text = f"no run is long enough to dose and to rinse {line.rinse_l:g} L: it will get plain water only"
        problems.warning((*at, "injector"), text)


def _why_not(zone: ZonePart, part: InjectorPart) -> str:
    """What an injector lacks to be moved by a set point of its zone, where there is one for such a liquid."""
    for quantity, goal in _quantities(zone):
        if goal is not None and part.liquid in BY_LIQUID[quantity]:
            return f'. Without {quantity}_per_ml_l of "{part.id}" nobody knows how much {quantity} asks for'
    return ""


def _goals(
    zone: ZonePart,
    known: list[tuple[DosePart, InjectorPart]],
    lines: Mapping[str, MixingLinePart],
    path: Path,
    problems: Problems,
) -> None:
    for quantity, goal in _quantities(zone):
        if goal is None or len(known) < len(zone.dose):
            continue
        moved = [part for _, part in known if governs(quantity, part)]
        if not moved:
            needs = "a, b or fertiliser with ec_per_ml_l" if quantity == "ec" else "acid or base with ph_per_ml_l"
            problems.error((*path, quantity), f"nothing in dose moves it: it needs {needs}")
        for part in moved:
            if getattr(lines[part.line], quantity) is None:
                text = f'"{part.line}" has no {quantity}: the probe behind the injectors by which it goes'
                problems.error((*path, quantity), text)


def _quantities(zone: ZonePart) -> Iterator[tuple[Quantity, EcPart | PhPart | None]]:
    yield "ec", zone.ec
    yield "ph", zone.ph


def _units(parts: Parts, profiles: Mapping[str, Profile]) -> dict[str, str]:
    """The unit of every thing/property that a device tells."""
    found: dict[str, str] = {}
    for _, device in parts.of(DevicePart, "device"):
        profile = profiles.get(device.id)
        for name in told_values(device, profile) if profile else ():
            value = profile.find(name) if profile else None
            if value is not None:
                found[f"{device.thing or device.id}/{name}"] = value.unit
    return found
