"""What people forbid and allow again: lock-outs, and latches that somebody clears."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.farms import BAND, MINUTE_MS, site_of
from tests.edge.switches import farm, memory, say, stands, switched
from tonnam_edge.site.site import Site
from tonnam_link.messages import Command, CommandAction


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_of(tmp_path, switched() + BAND)


@pytest.mark.parametrize("zone", ["", "zone-1"])
def test_a_lock_out_ends_the_run_blocks_every_start_and_survives_a_restart(site: Site, zone: str) -> None:
    play = farm(site)
    play.water(seconds=600)
    play.run(20)
    say(play, CommandAction.LOCK, zone=zone, who="สมชาย", why="ขุดท่อ")
    play.run(20)
    assert play.states("p1") == ["done"]
    assert play.field.coils[:3] == [False] * 3
    assert "สมชาย: ขุดท่อ" in play.ended()[-1].body["reason"]["en"]
    play.field.moisture = [20.0, 28.0]
    for number in range(3):
        play.restart()
        play.water(command_id=f"r{number}")
        play.run(300)
        assert play.states(f"r{number}") == ["refused"]
    assert len(play.of_kind("run.started")) == 1
    [lockout] = stands(play)["lockouts"]
    assert (lockout["zone"], lockout["who"], lockout["why"], lockout["afar"]) == (zone or None, "สมชาย", "ขุดท่อ", True)


def test_a_lock_out_is_not_cleared_by_a_command(site: Site) -> None:
    play = farm(site)
    say(play, CommandAction.LOCK, who="สมชาย", why="ขุดท่อ")
    play.run(3)
    [lock] = memory(play).lockouts
    say(play, CommandAction.CLEAR, "p2", latch=lock, who="สมชาย")
    play.run(3)
    assert play.states("p2") == ["refused"]
    assert list(memory(play).lockouts) == [lock]


def test_turning_the_switch_off_and_back_to_auto_unlocks_the_zone(site: Site) -> None:
    play = farm(site)
    say(play, CommandAction.LOCK, zone="zone-1", who="สมชาย", why="ขุดท่อ")
    play.run(3)
    play.field.turn(1, "hand")
    play.run(5)
    play.field.turn(1, "auto")
    play.run(5)
    assert len(memory(play).lockouts) == 1, "hand and back is not it"
    play.field.turn(1, "off")
    play.run(5)
    play.restart()
    play.field.turn(1, "auto")
    play.run(5)
    assert memory(play).lockouts == {}
    assert play.of_kind("lock.cleared")[-1]["by"] == "switch"


def test_the_whole_site_is_unlocked_by_the_switches_of_all_its_zones(site: Site) -> None:
    play = farm(site)
    say(play, CommandAction.LOCK, who="สมชาย", why="ขุดท่อ")
    play.run(3)
    for number in (1, 2):
        assert len(memory(play).lockouts) == 1
        for where in ("off", "auto"):
            play.field.turn(number, where)
            play.run(5)
    assert memory(play).lockouts == {}


def test_a_lock_for_a_zone_that_is_none_is_refused(site: Site) -> None:
    play = farm(site)
    say(play, CommandAction.LOCK, zone="zone-9", who="สมชาย", why="ขุดท่อ")
    play.run(3)
    assert play.states("p1") == ["refused"]


def test_a_lock_that_comes_too_late_does_nothing(site: Site) -> None:
    play = farm(site)
    then = play.now_ms - 2 * MINUTE_MS
    play.core.command(
        Command("p1", CommandAction.LOCK, "", then, then + MINUTE_MS, signed_by=play.key, who="a", why="b")
    )
    play.run(3)
    assert play.states("p1") == ["expired"]
    assert memory(play).lockouts == {}


def test_the_same_lock_again_is_one(site: Site) -> None:
    play = farm(site)
    for number in range(3):
        say(play, CommandAction.LOCK, f"p{number}", who="สมชาย", why=f"ครั้งที่ {number}")
        play.run(2)
    assert [each.why for each in memory(play).lockouts.values()] == ["ครั้งที่ 2"]


# Latches


def test_a_latch_is_told_whole_blocks_and_is_cleared_by_its_id(site: Site) -> None:
    play = farm(site)
    play.field.flow_l_min = 0.0
    play.water(seconds=600)
    play.run(120)
    [latch] = stands(play)["latches"]
    assert (latch["of"], latch["subject"], latch["zones"]) == ("no_flow", "zone-1", ["zone-1"])
    assert latch["since_ms"] is not None
    play.field.flow_l_min = 60.0
    play.run(120)
    play.water(command_id="c2")
    play.run(3)
    assert play.states("c2") == ["refused"]
    for _ in range(3):  # the cloud asks again: it is told again, and acts once
        say(play, CommandAction.CLEAR, latch=latch["id"], who="somchai")
        play.run(3)
    assert play.states("p1") == ["done"] * 3
    assert len(play.of_kind("latch.cleared")) == 1
    assert stands(play)["latches"] == []
    play.water(command_id="c3")
    play.run(5)
    assert play.states("c3")[0] == "accepted"


def test_a_latch_that_is_not_there_is_refused(site: Site) -> None:
    play = farm(site)
    say(play, CommandAction.CLEAR, latch="none", who="somchai")
    play.run(3)
    assert play.states("p1") == ["refused"]


def test_what_is_still_wrong_is_latched_anew(site: Site) -> None:
    play = farm(site)
    play.run(120)
    play.field.hand_l_min = 60.0
    play.run(120)
    [latch] = stands(play)["latches"]
    say(play, CommandAction.CLEAR, latch=latch["id"], who="somchai")
    play.run(300)
    [again] = stands(play)["latches"]
    assert again["of"] == latch["of"] == "leak"
    assert again["id"] != latch["id"]


def test_all_that_stands_is_told_again_after_a_restart(site: Site) -> None:
    play = farm(site)
    say(play, CommandAction.LOCK, who="สมชาย", why="ขุดท่อ")
    play.run(3)
    play.restart()
    told = len(play.of_kind("site.stands"))
    play.run(3)
    assert len(play.of_kind("site.stands")) == told + 1
    assert stands(play)["lockouts"][0]["who"] == "สมชาย"


def test_the_time_of_what_stands_is_not_told_where_it_was_a_guess(site: Site) -> None:
    play = farm(site)
    play.reboot(wall_ms=1_000_000)
    play.field.press()
    play.run(10)
    assert stands(play)["emergency"] == {"since_ms": None}
