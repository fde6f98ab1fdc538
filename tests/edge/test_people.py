"""People at the cabinet: switches and the emergency stop."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edge.farms import BAND, SITE, site_of
from tests.edge.switches import ZONE_1, SwitchPlay, farm, memory, say, stands, switched
from tonnam_edge.core.memory import Memory
from tonnam_edge.core.people.contact import SETTLES_S, UNKNOWN_AFTER_S
from tonnam_edge.core.people.emergency import WAIT_AFTER_RELEASE_S
from tonnam_edge.site.site import Site
from tonnam_link.messages import CommandAction


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_of(tmp_path, switched() + BAND)


# Switches


@pytest.mark.parametrize("where", ["off", "hand"])
def test_a_switch_off_auto_ends_the_run_and_blocks_starts_by_anybody(site: Site, where: str) -> None:
    play = farm(site)
    play.water(seconds=600)
    play.run(20)
    assert play.field.coils[:2] == [True, True]
    play.field.turn(1, where)
    play.run(SETTLES_S + 12)
    assert play.field.coils[:3] == [False] * 3
    assert play.ended()[-1].body["outcome"] == "stopped"
    play.field.moisture = [20.0, 28.0]
    play.water(command_id="c2")
    play.run(1200)
    assert play.states("c2") == ["refused"]
    assert len(play.ended()) == 1
    told = [event.body["text"]["en"] for event in play.events if event.kind == "zone.planned"]
    assert "cabinet" in told[-1]
    play.field.turn(1, "auto")
    play.water(command_id="c3")
    play.run(20)
    assert play.states("c3")[:2] == ["refused"], "before the switch has settled"
    play.run(20)
    assert play.field.coils[:2] == [True, True], "the program goes on by itself"


def test_a_switch_blocks_its_own_zone_only(site: Site) -> None:
    play = farm(site)
    play.field.turn(1, "off")
    play.run(5)
    play.water("zone-2", command_id="c2")
    play.run(20)
    assert play.states("c2")[:2] == ["accepted", "running"]


def test_water_by_hand_is_metered_counted_and_told_and_no_leak_is_latched(site: Site) -> None:
    play = farm(site)
    play.field.turn(1, "hand")
    play.run(5)
    play.field.hand_l_min = 60.0
    play.run(300)
    play.field.hand_l_min = 0.0
    play.run(200)
    [begun], [ended] = play.of_kind("run.started"), play.ended()
    assert (begun["cause"], begun["zone"]) == ("hand", "zone-1")
    assert ended.body["litres"] == pytest.approx(300, abs=2)
    assert ended.body["duration_s"] == pytest.approx(300, abs=3)
    assert memory(play).latches == {}
    assert memory(play).known.used["zone-1"].seconds == pytest.approx(300, abs=3)
    assert play.of_kind("latch.set") == []


def test_the_same_water_with_the_switch_on_auto_is_a_leak(site: Site) -> None:
    play = farm(site)
    play.run(120)
    play.field.hand_l_min = 60.0
    play.run(120)
    assert [latch.kind for latch in memory(play).latches.values()] == ["leak"]


def test_after_hand_a_leak_is_looked_for_again(site: Site) -> None:
    play = farm(site)
    play.field.turn(1, "hand")
    play.run(5)
    play.field.hand_l_min = 60.0
    play.run(100)
    play.field.turn(1, "auto")
    play.run(300)
    assert [latch.kind for latch in memory(play).latches.values()] == ["leak"]


def test_hand_in_one_zone_makes_no_high_flow_in_another(site: Site) -> None:
    play = farm(site)
    play.field.turn(2, "hand")
    play.run(5)
    play.field.hand_l_min = 60.0
    play.water(seconds=600)
    play.run(620)
    assert memory(play).latches == {}
    assert memory(play).flows_l_min == {}, "and nothing is learned from it"
    assert play.states()[-1] == "done"


def test_water_by_hand_beside_a_run_on_the_same_meter_is_the_hands(site: Site) -> None:
    play = farm(site)
    play.field.turn(1, "hand")
    play.run(5)
    play.water("zone-2", 600)
    play.run(30)
    play.field.hand_l_min = 60.0
    play.run(400)
    play.field.hand_l_min = 0.0
    play.run(400)
    litres = {body["zone"]: body["litres"] for body in play.of_kind("run.ended")}
    assert litres["zone-2"] == pytest.approx(600, rel=0.05)
    assert litres["zone-1"] == pytest.approx(400, rel=0.08)
    assert memory(play).known.used["zone-1"].seconds == pytest.approx(400, rel=0.08)


def test_a_silent_switch_lets_no_program_start_but_a_person_may(site: Site) -> None:
    play = farm(site)
    play.field.switches_answer = False
    play.run(UNKNOWN_AFTER_S + 35)
    play.field.moisture = [20.0, 28.0]
    play.run(120)
    assert play.of_kind("run.started") == []
    assert stands(play)["modes"][0]["mode"] == "unknown"
    play.water()
    play.run(20)
    assert play.states()[:2] == ["accepted", "running"]


def test_a_run_goes_on_to_its_end_when_the_switch_falls_silent(site: Site) -> None:
    play = farm(site)
    play.water(seconds=600)
    play.run(20)
    play.field.switches_answer = False
    play.run(700)
    assert play.states()[-1] == "done"
    assert play.ended()[-1].body["duration_s"] == pytest.approx(600, abs=5)


def test_a_switch_last_seen_off_stays_off_while_it_is_silent_and_across_a_restart(site: Site) -> None:
    play = farm(site)
    play.field.turn(1, "off")
    play.run(5)
    play.field.switches_answer = False
    play.run(600)
    play.restart()
    play.run(600)
    play.water()
    play.run(5)
    assert play.states() == ["refused"]


def doubts(play: SwitchPlay) -> list[object]:
    return [each["of"] for each in stands(play).get("doubts", [])]


def test_water_by_hand_behind_a_silent_switch_is_a_doubt_and_no_leak(site: Site) -> None:
    play = farm(site)
    play.run(60)
    play.field.switches_answer = False
    play.run(60)
    play.field.turn(1, "hand")
    play.field.hand_l_min = 60.0
    play.run(120)
    assert (memory(play).latches, doubts(play)) == ({}, ["flow"])
    play.field.switches_answer = True
    play.run(200)
    assert (memory(play).latches, doubts(play)) == ({}, [])
    play.field.hand_l_min = 0.0
    play.run(150)
    assert [body["cause"] for body in play.of_kind("run.started")] == ["hand"]


def test_what_flows_on_when_a_silent_switch_says_auto_is_a_leak_and_what_stopped_before_is_none(site: Site) -> None:
    play = farm(site)
    play.run(60)
    play.field.switches_answer = False
    play.field.hand_l_min = 60.0
    play.run(120)
    play.field.hand_l_min = 0.0
    play.field.switches_answer = True
    play.run(200)
    assert (memory(play).latches, doubts(play)) == ({}, [])
    play.field.switches_answer = False
    play.field.hand_l_min = 60.0
    play.run(120)
    play.field.switches_answer = True
    play.run(90)
    assert ([latch.kind for latch in memory(play).latches.values()], doubts(play)) == (["leak"], [])


def test_too_much_water_behind_a_silent_switch_ends_the_run_and_only_programs_wait_for_it(tmp_path: Path) -> None:
    text = switched(SITE + BAND).replace(ZONE_1, "").replace('[cabinet]\nemergency_stop = "switches/input_4"\n', "")
    play = farm(site_of(tmp_path, text), dry=True)
    play.run(60)
    play.field.switches_answer = False
    play.run(60)
    play.field.hand_l_min = 200.0
    play.run(120)
    assert [ended.body["outcome"] for ended in play.ended()] == ["failed"]
    assert (memory(play).latches, doubts(play)) == ({}, ["flow"])
    play.field.hand_l_min = 0.0
    play.run(1200)
    assert len(play.of_kind("run.started")) == 1
    for _ in range(2):
        play.restart()
        play.run(600)
    assert (len(play.of_kind("run.started")), doubts(play)) == (1, ["flow"])
    play.water(seconds=30)
    play.run(60)
    assert play.states()[-1] == "done"
    play.field.switches_answer = True
    play.run(1200)
    assert doubts(play) == []
    assert len(play.of_kind("run.started")) > 2
    assert memory(play).perhaps_burst == {}


def test_too_much_water_behind_a_silent_switch_ends_after_a_restart_when_all_answer(tmp_path: Path) -> None:
    site = site_of(tmp_path, switched(SITE + BAND).replace(ZONE_1, ""))
    burst = Memory(perhaps_burst={site.paths.meter("zone-1") or "": ["zone-1"]}, modes={"zone-2": "auto"})
    play = farm(site, dry=True, memory=burst.encode())
    play.run(40)
    assert (play.of_kind("run.started"), doubts(play)) == ([], ["flow"])
    play.run(60)
    assert (len(play.of_kind("run.started")), doubts(play)) == (1, [])


def test_a_bounce_of_a_contact_is_nothing(site: Site) -> None:
    play = farm(site)
    play.water(seconds=600)
    play.run(20)
    play.field.turn(1, "off")
    play.run(1)
    play.field.turn(1, "auto")
    play.run(30)
    assert play.field.coils[:2] == [True, True]
    assert len(play.of_kind("zone.mode")) == 2, "once at the start for each zone"


def test_contacts_that_say_auto_and_hand_at_once_say_nothing(site: Site) -> None:
    play = farm(site)
    play.field.inputs[:2] = [True, True]
    play.run(UNKNOWN_AFTER_S + 5)
    assert stands(play)["modes"][0]["mode"] == "unknown"


def test_a_switch_without_a_hand_contact_counts_as_in_hand_off_auto(tmp_path: Path) -> None:
    play = farm(site_of(tmp_path, switched().replace(', hand = "switches/input_1"', "")))
    play.field.turn(1, "off")
    play.run(5)
    assert stands(play)["modes"][0]["mode"] == "hand"


# The emergency stop


def test_the_emergency_stop_ends_everything_and_after_its_release_programs_wait(site: Site) -> None:
    play = farm(site)
    play.water("zone-2", seconds=600)
    play.run(20)
    play.field.press()
    play.run(2)
    assert play.field.coils[:3] == [False] * 3
    play.run(20)
    assert play.ended()[-1].body["outcome"] == "stopped"
    assert stands(play)["emergency"] == {
        "since_ms": next(e.at_ms for e in play.events if e.kind == "emergency.pressed")
    }
    play.water(command_id="c2")
    play.field.moisture = [20.0, 28.0]
    play.run(120)
    assert play.states("c2") == ["refused"]
    play.field.press(False)
    play.run(WAIT_AFTER_RELEASE_S - 5)
    assert len(play.of_kind("run.started")) == 1
    play.run(30)
    assert len(play.of_kind("run.started")) == 2
    assert stands(play)["emergency"] is None


def test_a_person_need_not_wait_after_the_release(site: Site) -> None:
    play = farm(site)
    play.field.press()
    play.run(5)
    play.field.press(False)
    play.run(SETTLES_S + 2)
    play.water()
    play.run(3)
    assert play.states()[0] == "accepted"


def test_a_pressed_emergency_stop_is_remembered_until_it_is_seen_released(site: Site) -> None:
    play = farm(site)
    play.field.press()
    play.run(5)
    play.field.switches_answer = False
    play.restart()
    play.run(UNKNOWN_AFTER_S + 60)
    play.water()
    play.run(5)
    assert play.states() == ["refused"]
    play.field.switches_answer = True
    play.field.press(False)
    play.run(SETTLES_S + 3)
    play.water(command_id="c2")
    play.run(3)
    assert play.states("c2")[0] == "accepted"


def test_nothing_starts_before_the_emergency_stop_was_read(site: Site) -> None:
    play = SwitchPlay(site)
    play.field.switches_answer = False
    play.run(5)
    play.water()
    play.run(3)
    assert play.states() == ["refused"]
    assert "not been read" in play.outcomes[-1].reason["en"]


def test_a_site_without_one_waits_for_none(tmp_path: Path) -> None:
    text = switched().replace('[cabinet]\nemergency_stop = "switches/input_4"\n', "")
    play = farm(site_of(tmp_path, text))
    play.water()
    play.run(3)
    assert play.states()[0] == "accepted"


# All together

DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["off", "hand", "auto", "press", "release", "lock", "water", "silent", "speaks", "restart"]),
        st.sampled_from([1, 2]),
        st.integers(1, 200),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def lasting_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return site_of(tmp_path_factory.mktemp("site"), switched() + BAND)


@given(DEEDS)
@settings(max_examples=20, deadline=None)
def test_whatever_people_do_nothing_runs_that_they_forbid(
    lasting_site: Site, deeds: list[tuple[str, int, int]]
) -> None:
    play = SwitchPlay(lasting_site)
    play.field.moisture = [20.0, 28.0]
    for number, (deed, zone, seconds) in enumerate(deeds):
        do(play, deed, zone, f"d{number}")
        play.leap(seconds, at_most_s=2)
        play.leap(30, at_most_s=1)
        after = memory(play)
        forbidden = {name for name, mode in after.modes.items() if mode != "auto"}
        forbidden |= {each.zone or "" for each in after.lockouts.values()}
        for number in (1, 2):
            if after.emergency or {"", f"zone-{number}"} & forbidden:
                assert not play.field.coils[number]


def do(play: SwitchPlay, deed: str, zone: int, name: str) -> None:
    if deed in {"off", "hand", "auto"}:
        play.field.turn(zone, deed)
    elif deed in {"press", "release"}:
        play.field.press(deed == "press")
    elif deed == "lock":
        say(play, CommandAction.LOCK, name, zone=f"zone-{zone}" if zone == 2 else "", who="a", why="b")
    elif deed == "water":
        play.water(f"zone-{zone}", seconds=120, command_id=name)
    elif deed == "restart":
        play.restart()
    else:
        play.field.switches_answer = deed == "speaks"
