"""What must fit together in a site file about electricity and its price."""

from __future__ import annotations

from tonnam_edge.site.growing_file import HoldsPart
from tonnam_edge.site.parts import Parts
from tonnam_edge.site.problems import Problems, did_you_mean
from tonnam_edge.site.program_file import BalancePart, MoisturePart
from tonnam_edge.site.site_file import ActuatorPart
from tonnam_edge.site.site_types import within
from tonnam_edge.site.tariff_file import ElectricityPart, TariffPart


def check_tariffs(parts: Parts, problems: Problems) -> None:
    """Add a problem for pumps that are none, currents that nobody measures, and waits for a price that is nowhere."""
    pumps = {part.id: part for _, part in parts.of(ActuatorPart, "actuator") if part.role == "pump"}
    broken = parts.names("actuator") - {part.id for _, part in parts.of(ActuatorPart, "actuator")}
    electricity = parts.table(ElectricityPart, "electricity") or ElectricityPart()
    for key, given in (("pump_kw", electricity.pump_kw), ("kw_per_a", electricity.kw_per_a)):
        for name in given:
            path = ("electricity", key, name)
            if name in broken:
                continue  # what is wrong with it is told already
            if name not in pumps:
                problems.error(path, f'"{name}" is not a pump. {did_you_mean(name, pumps)}')
            elif key == "kw_per_a" and pumps[name].current is None:
                problems.error(path, f'nobody measures its current: [[actuator]] "{name}" has no current')
    if len(parts.lists["tariff"]) < len(parts.ids["tariff"]):
        return  # what is wrong with a price is told already
    prices = {part.baht_kwh for _, part in parts.of(TariffPart, "tariff")}
    waits = [index for index, program in parts.of(MoisturePart, "program") if program.latest is not None]
    waits += [index for index, program in parts.of(BalancePart, "program") if program.latest is not None]
    for index in waits if len(prices) < 2 else ():
        text = "needs two [[tariff]]s with different prices: else there is no cheaper hour to wait for"
        problems.error(("program", index, "latest"), text)
    _check_latest(parts, problems)


def _check_latest(parts: Parts, problems: Problems) -> None:
    """Warn of latest hours that cannot be kept, for then the program does not water."""
    holds = parts.table(HoldsPart, "holds")
    quiet = None if holds is None else holds.quiet
    waits: list[tuple[int, MoisturePart | BalancePart]] = [*parts.of(MoisturePart, "program")]
    waits += parts.of(BalancePart, "program")
    for index, program in waits:
        latest, between, path = program.latest, program.between, ("program", index, "latest")
        if latest is None:
            continue
        if between is not None and not between[0] <= latest <= between[1]:
            text = f"{latest} lies outside of between, {between[0]} to {between[1]}: it waters in those hours only"
            problems.warning(path, text)
        elif quiet is not None and within(latest, quiet):
            text = (
                f"{latest} lies in the quiet hours, {quiet[0]} to {quiet[1]}: then nothing is watered until they end"
            )
            problems.warning(path, text)
