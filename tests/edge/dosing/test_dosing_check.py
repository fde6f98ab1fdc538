"""What `tonnam-edge check` says of injectors, lines and recipes: line, key, reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.dosing.rig import LINE, PROBES, dose, farm, tank_line
from tests.edge.farms import site_of
from tests.edge.test_check import line_of, wrong
from tonnam_edge.core.dosing.recipe import Recipes
from tonnam_edge.site.check import load_site

A = 'dose = [{ injector = "a", ml_per_l = 4 }]'
ACID_FIRST = 'id = "acid"\nname'
PREVENTER = 'backflow_preventer = { th = "ชุดกันน้ำไหลกลับ", en = "reduced pressure zone assembly" }\n'
CLOSING_A, SPRING = 'closing_actuator = "closing-a"\n', 'spring-loaded valve" }\n'
GOOD = farm(dose(1, A))
WORDS = farm(dose(1, A), closing=False)
HYPO = farm(dose(1, A)).replace('liquid = "b"', 'liquid = "hypochlorite"').replace("ec_per_ml_l = 0.18\n", "")
SECOND = LINE.replace('id = "line"', 'id = "line-2"')


def with_goal(keys: str) -> str:
    return farm(dose(1, keys))


def swapped(text: str, old: str, new: str) -> str:
    assert old in text, old
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "at", "key", "says"),
    [
        (swapped(GOOD, PREVENTER, ""), '[[injector]]\nid = "a"', "backflow_preventer", "into the tank and the well"),
        (swapped(GOOD, CLOSING_A, ""), '[[injector]]\nid = "a"', "closing_valve", "the stock runs into"),
        (
            swapped(WORDS, SPRING, SPRING + 'closing_actuator = "valve-1"\n'),
            "closing_actuator",
            "closing_actuator",
            "lets the water of a zone through",
        ),
        (
            swapped(GOOD, 'actuator = "doser-a"', 'actuator = "pump"'),
            'actuator = "pump"',
            "actuator",
            '"pump" is not an injector',
        ),
        (swapped(GOOD, 'actuator = "doser-b"', 'actuator = "doser-a"'), "", "actuator", 'already belongs to "a"'),
        (GOOD.replace("waveshare-relay-8ch", "relay-8ch"), 'actuator = "doser-a"', "actuator", "it would dose on"),
        (
            swapped(GOOD, 'role = "injector"\n', 'role = "injector"\nsafe_state = "on"\n'),
            'actuator = "doser-a"',
            "actuator",
            "must be off when something is wrong",
        ),
        (swapped(GOOD, "ml_min = 600", "ml_min = 3"), "max_pulse_ml = 200", "max_pulse_ml", "longer than the board"),
        (swapped(GOOD, "max_pulse_ml = 200", "max_pulse_ml = 5"), "max_pulse_ml = 5", "max_pulse_ml", "at least 20"),
        (
            swapped(GOOD, "max_hour_ml = 6000", "max_hour_ml = 100"),
            "max_pulse_ml",
            "max_pulse_ml",
            "more than max_hour_ml, 100",
        ),
        (swapped(GOOD, "ph_per_ml_l = -0.5", "ph_per_ml_l = 0.5"), "ph_per_ml_l = 0.5", "ph_per_ml_l", "acid lowers"),
        (swapped(GOOD, 'line = "line"', 'line = "lien"'), 'line = "lien"', "line", 'Did you mean "line"?'),
        (swapped(GOOD, 'feeds = "pump"', 'feeds = "valve-1"'), 'feeds = "valve-1"', "feeds", "feeds no zone"),
        (
            swapped(GOOD, 'flow = "flow/total"', 'flow = "flow/rate"'),
            'flow = "flow/rate"',
            "flow",
            "does not prove flow",
        ),
        (
            swapped(GOOD, 'flow = "flow/total"', 'flow = "flow/totl"'),
            'flow = "flow/totl"',
            "flow",
            'Did you mean "flow/total"?',
        ),
        (swapped(GOOD, 'ec = "line/ec"', 'ec = "tank/level"'), 'ec = "tank/level"', "ec", "is in cm. Allowed"),
        (swapped(GOOD, PROBES, 'ph = "line/ph"\nec_twin = "line/ec"\n'), "ec_twin", "ec_twin", "needs ec"),
        (farm(dose(1, A), line=tank_line()), 'kind = "tank"', "kind", '"a" and "b" must not meet'),
        (
            farm(dose(1, A), line=tank_line(), liquids=["a"]),
            "injector = ",
            "dose[0].injector",
            "is a tank: what goes into it",
        ),
        (
            swapped(HYPO, 'line = "line"\nliquid = "acid"', 'line = "line-2"\nliquid = "acid"') + SECOND,
            'line = "line-2"',
            "line",
            "chlorine gas",
        ),
        (
            swapped(GOOD, 'dose = [{ injector = "a"', 'dose = [{ injector = "aa"'),
            "aa",
            "dose[0].injector",
            'Did you mean "a"?',
        ),
        (
            swapped(GOOD, "ml_per_l = 4 }", 'ml_per_l = 4 }, { injector = "a", ml_per_l = 1 }'),
            "dose = ",
            "dose[1].injector",
            "named twice",
        ),
        (swapped(GOOD, "ml_per_l = 4", "ml_per_l = 0"), "dose = ", "dose[0].ml_per_l", "nothing would be dosed"),
        (
            swapped(
                with_goal('dose = [{ injector = "a", most_ml_per_l = 9 }]\nec = { target = 2 }'),
                "ec_per_ml_l = 0.18\n",
                "",
            ),
            "dose = ",
            "dose[0].ml_per_l",
            'Without ec_per_ml_l of "a" nobody knows how much ec asks for',
        ),
        (
            swapped(GOOD, "ml_per_l = 4", "ml_per_l = 0.5"),
            "dose = ",
            "dose[0].ml_per_l",
            "less than its shortest pulse, 20.0 mL",
        ),
        (
            swapped(GOOD, "ml_per_l = 4", "ml_per_l = 4, most_ml_per_l = 8"),
            "dose = ",
            "dose[0].most_ml_per_l",
            "is for a set point",
        ),
        (
            with_goal('dose = [{ injector = "a" }]\nec = { target = 2 }'),
            "dose = ",
            "dose[0].most_ml_per_l",
            "must be given",
        ),
        (
            with_goal(A + "\nph = { target = 6 }"),
            "ph = { target",
            "ph",
            "nothing in dose moves it: it needs acid or base",
        ),
        (
            swapped(with_goal(A + "\nec = { target = 2 }"), 'ec = "line/ec"\n', ""),
            "ec = { target",
            "ec",
            '"line" has no ec',
        ),
        (with_goal(A + "\nec = { target = 20 }"), "ec = { target", "ec.target", "less than or equal to 6"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_what_would_be_right(
    tmp_path: Path, text: str, at: str, key: str, says: str
) -> None:
    told = wrong(tmp_path, text)
    near = [said for said in told if f"{key}: " in said and says in said]
    assert near, told
    assert not at or any(said.startswith(f"site.toml:{line_of(text, at)}: ") for said in near), (near, told)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (swapped(GOOD, "rinse_l = 60", "rinse_l = 30"), "30 L do not clean 20 L of pipe"),
        (swapped(GOOD, "ml_per_l = 4", "ml_per_l = 9"), "keeps up with about 6 mL/L at 60 L/min"),
        (swapped(GOOD, "rinse_l = 60", "rinse_l = 900"), "it will get plain water only"),
        (
            swapped(GOOD, 'id = "relay"\n', 'id = "relay"\npoll_s = 3\n'),
            '"relay" is read every 3 s, and pulses of 2 s',
        ),
    ],
)
def test_what_is_unwise_is_a_warning(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "site.toml").write_text(text, encoding="utf-8")
    _, warnings = load_site(tmp_path / "site.toml")
    assert any(says in warning.text for warning in warnings), warnings


def test_a_closing_valve_of_an_injector_that_is_wrong_elsewhere_is_not_called_unused(tmp_path: Path) -> None:
    told = wrong(tmp_path, swapped(GOOD, "ml_min = 600", "ml_min = -600"))
    assert len(told) == 1, told
    assert "ml_min" in told[0]


def test_the_example_is_good_and_without_warnings() -> None:
    site, warnings = load_site(Path("edge/examples/fertigation.toml"))
    assert warnings == []
    assert Recipes(site).of("zone-1", "line").groups == (("a", "acid"), ("b", "acid"))
    assert site.stop_order[:4] == ["doser-a", "doser-b", "doser-acid", "pump"]


def test_a_farm_with_injectors_is_good_and_knows_what_each_zone_gets(tmp_path: Path) -> None:
    given = (("a", 4), ("b", 3), ("acid", 1))
    keys = ", ".join(f'{{ injector = "{name}", ml_per_l = {ml} }}' for name, ml in given)
    site = site_of(tmp_path, farm(dose(1, f"dose = [{keys}]")))
    _, warnings = load_site(tmp_path / "site.toml")
    assert warnings == []
    recipes = Recipes(site)
    assert recipes.of("zone-1", "line").groups == (("a", "acid"), ("b", "acid"))
    assert recipes.of("zone-2", "line").doses == ()
    assert site.stop_order[:3] == ["doser-a", "doser-b", "doser-acid"]
