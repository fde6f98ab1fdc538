"""Rules come from a TOML file that is checked whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from tonnam_cloud.alerts.rules import load_rules
from tonnam_cloud.errors import Misconfigured

GOOD = """\
[[rule]]
id = "tank-low"
kind = "threshold"
datastreams = "*/*/tank/level"
below = 30
for_s = 120
severity = "critical"
title = { th = "น้ำใกล้หมด", en = "Tank low" }
text = { th = "เหลือ {value}", en = "{value} left" }
"""


def test_shipped_rules_are_valid_and_cover_farm_and_town() -> None:
    rules = {rule.id: rule for rule in load_rules()}
    assert {"site-silent", "soil-too-dry", "tank-low", "river-high"} <= set(rules)


def test_star_does_not_reach_over_a_slash(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(GOOD)
    (rule,) = load_rules(path)
    assert rule.matches("a/b/tank/level")
    assert not rule.matches("a/b/c/tank/level")


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ("below = 30", "below = 30\nabove = 90", "rules.toml:1: rule: .*exactly one of above"),
        ("below = 30", "", "exactly one of above"),
        ('severity = "critical"', 'severity = "bad"', "rules.toml:7: severity: .*'warning' or 'critical'"),
        ("for_s = 120", "for_s = -1", "rules.toml:6: for_s: .*greater than or equal to 0"),
        ("for_s = 120", "for_s = 120\nforever = 1", "rules.toml:7: forever: "),
        ("{value} left", "{litres} left", "litres.* cannot be filled in; use limit, minutes"),
        ('"*/*/tank/level"', '"tank/level"', "rules.toml:4: datastreams: "),
        ("below = 30", "below = ", "rules.toml: not TOML: .*line 5"),
    ],
)
def test_wrong_rule_is_refused_with_line_key_and_what_is_right(
    tmp_path: Path, wrong: str, right: str, said: str
) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(GOOD.replace(wrong, right))
    with pytest.raises(Misconfigured, match=said):
        load_rules(path)


def test_rules_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        load_rules(tmp_path / "none.toml")


def test_same_id_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(GOOD + GOOD)
    with pytest.raises(Misconfigured, match="'tank-low' is used twice"):
        load_rules(path)
