"""A state that cannot be read: what people have said is in a copy; without that, everything waits for a person."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import structlog
from structlog.testing import capture_logs

from tests.edge.cabinets import DeafLink
from tests.edge.farms import MORNING_MS, SITE, Play, site_of
from tests.edge.floods import INPUTS, PUMP_KEY, RIVER, Flood
from tests.edge.switches import SwitchPlay, say
from tonnam_edge.agent import Agent
from tonnam_edge.core import Core
from tonnam_edge.core.dosing.kept import Kept, Residue, Spent, Stock
from tonnam_edge.core.dosing.ledger import DAY_MS, HOUR_MS, Ledger, Room
from tonnam_edge.core.image import Now
from tonnam_edge.core.memory import Book, DayUse, Guess, Latch, Lockout, Memory, Pressed
from tonnam_edge.core.people.at_site import Request
from tonnam_edge.core.programs.kept import Kept as ProgramsKept
from tonnam_edge.core.programs.kept import ZoneKept
from tonnam_edge.core.stations.kept import StationKept
from tonnam_edge.desk import ask, new_request
from tonnam_edge.recollection import begin_with, recollections
from tonnam_edge.second_copy import COPY_FILE, SecondCopy
from tonnam_edge.site.dosing_file import InjectorPart
from tonnam_edge.site.profile import Words
from tonnam_edge.site.site import Site
from tonnam_edge.state_store import STATE_FILE, StateStore
from tonnam_link.messages import CommandAction

WORDS = {"th": "ท่อแตก", "en": "a broken pipe"}
STOOD = Memory(
    latches={"l1": Latch("l1", "leak", "zone-1", 5, WORDS)},
    lockouts={"k1": Lockout("k1", "zone-2", "Somchai", "digging", 5)},
    modes={"zone-1": "hand"},
    emergency=Pressed(7),
    dosing=Kept(stocks={"a": Stock(1234.0)}, lines={"line": Residue(["a"], 3.0, "zone-1")}, runs_on={"a": ""}),
    stations={"flood-pumps": StationKept(above=True, flooded=True, dry=True, apart=True, locked=True, mode="hand")},
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return site_of(tmp_path_factory.mktemp("site"), SITE)


def keep(folder: Path, memory: Memory = STOOD) -> None:
    """An agent has lived here, and left this."""
    store = StateStore(folder)
    store.commit(memory.encode(), [], [])
    store.close()


def begin(folder: Path, site: Site) -> tuple[Memory, list[str]]:
    """What the next agent goes by, and what it logs. It dies before its first step is on disk."""
    store = StateStore(folder)
    with capture_logs() as logs:
        agent = asyncio.run(_agent(site, store))
    store.close()
    return Memory.decode(agent.core.document), [str(line["event"]) for line in logs]


async def _agent(site: Site, store: StateStore) -> Agent:
    return Agent(site, store, DeafLink(), structlog.get_logger())


def torn(folder: Path) -> None:
    (folder / STATE_FILE).write_bytes(b"torn" * 4096)


def senseless(folder: Path) -> None:
    store = StateStore(folder)
    store.commit(b'{"latches": 7}', [], [])
    store.close()


def gone(folder: Path) -> None:
    (folder / STATE_FILE).unlink()


@pytest.mark.parametrize("damage", [torn, senseless, gone])
def test_what_people_have_said_outlives_the_state(tmp_path: Path, site: Site, damage: Callable[[Path], None]) -> None:
    keep(tmp_path)
    damage(tmp_path)
    for _ in range(2):  # also when the first of them dies at once
        memory, logged = begin(tmp_path, site)
        assert (memory.latches, memory.lockouts, memory.modes) == (STOOD.latches, STOOD.lockouts, STOOD.modes)
        assert memory.emergency == STOOD.emergency
        assert memory.dosing.stocks["a"].used_ml == 1250.0
        assert memory.dosing.lines["line"] == Residue(["a"], 0.0, "zone-1")
        assert memory.dosing.runs_on == {"a": ""}
        assert memory.stations == STOOD.stations
        assert "state.restored" in logged


@pytest.mark.parametrize("damage", [torn, senseless, gone])
def test_without_the_copy_everything_is_latched(tmp_path: Path, site: Site, damage: Callable[[Path], None]) -> None:
    keep(tmp_path)
    damage(tmp_path)
    copy = tmp_path / COPY_FILE
    copy.write_bytes(copy.read_bytes().replace(b"Somchai", b"Somsak!"))
    for _ in range(2):
        memory, logged = begin(tmp_path, site)
        assert [(latch.kind, latch.subject) for latch in memory.latches.values()] == [("memory_lost", "plot")]
        assert "state.lost" in logged


def test_a_state_of_before_there_was_a_copy_is_lost_when_it_is_torn(tmp_path: Path, site: Site) -> None:
    keep(tmp_path)
    (tmp_path / COPY_FILE).unlink()
    torn(tmp_path)
    assert [latch.kind for latch in begin(tmp_path, site)[0].latches.values()] == ["memory_lost"]


def test_a_first_start_has_lost_nothing(tmp_path: Path, site: Site) -> None:
    memory, logged = begin(tmp_path, site)
    assert memory.latches == {}
    assert not {"state.lost", "state.restored", "state.damaged"} & set(logged)


def test_a_lost_memory_keeps_water_off_until_a_person_says_that_nobody_is_there(site: Site) -> None:
    play = Play(site)
    play.core.latches.lose(play.core._commands.now)
    play.run(3)
    told = next(event for event in play.events if event.kind == "latch.set").body
    assert told["of"] == "memory_lost"
    assert "Somebody may be working" in told["text"]["en"]
    assert "อาจมีคนซ่อม" in told["text"]["th"]
    stands = [event.body for event in play.events if event.kind == "site.stands"][-1]
    assert stands["latches"][0]["zones"] == ["zone-1", "zone-2"]
    play.water()
    play.run(3)
    assert play.states() == ["refused"]
    play.core.ask(Request("r1", "clear", "Somchai"))
    play.run(3)
    play.water(command_id="c2")
    play.run(3)
    assert play.states("c2")[0] == "accepted"


def test_a_memory_that_is_lost_later_than_at_the_start_is_latched_too(tmp_path: Path, site: Site) -> None:
    keep(tmp_path)
    (tmp_path / COPY_FILE).unlink()
    torn(tmp_path)
    store = StateStore(tmp_path)
    core = Core(site, now_ms=MORNING_MS, unread=True)
    _, chosen = begin_with(
        recollections(store),
        lambda document: core.recall(document, MORNING_MS, MORNING_MS, boot="", sure=True),
        lambda found, failure: None,
    )
    store.close()
    assert chosen.lost


def test_a_station_is_left_as_it_is_while_nobody_knows_who_works_at_it() -> None:
    flood = Flood()
    flood.run(45)
    flood.core.latches.lose(flood.core._commands.now)
    flood.town.levels[RIVER] = 300.0
    before = len(flood.town.writes)
    flood.run(60)
    assert [coil for _, coil, _ in flood.town.writes[before:] if coil in {0, 1}] == []
    assert "Somebody may be working" in flood.text()
    flood.core.ask(Request("2", "clear", who="Malee"))
    flood.run(60)
    assert any(flood.running())


def test_a_lost_memory_is_not_cleared_from_afar(site: Site) -> None:
    play = SwitchPlay(site)
    play.core.latches.lose(play.core._commands.now)
    play.run(3)
    (latch,) = play.core.latches.standing()
    say(play, CommandAction.CLEAR, "x", latch=latch.id, who="somebody far away")
    play.run(3)
    assert play.states("x") == ["refused"]
    reason = next(each.reason for each in play.outcomes if each.command_id == "x")
    assert reason is not None
    assert "tonnam-edge clear" in reason["en"]
    assert "tonnam-edge clear" in reason["th"]
    assert play.core.latches.standing() == (latch,)


def key_turned_and_then_silent(folder: Path, copy: Callable[[bytes], bytes] = lambda copied: copied) -> Flood:
    """Somebody has turned the key of the pumps; then the state is torn, and the switches are not read any more."""
    before = Flood()
    before.run(45)
    before.town.turn_key(PUMP_KEY, locked=True)
    before.run(30)
    assert before.memory is not None
    keep(folder, Memory.decode(before.memory))
    torn(folder)
    _, _, document = (folder / COPY_FILE).read_bytes().partition(b"\n")
    document = copy(document)
    (folder / COPY_FILE).write_bytes(hashlib.sha256(document).hexdigest().encode() + b"\n" + document)
    memory, logged = begin(folder, before.site)
    assert "state.restored" in logged
    return waits_silently(memory)


def waits_silently(memory: Memory) -> Flood:
    """A start with this memory. The pumps are held off, and their module of inputs says nothing."""
    flood = Flood(memory=memory.encode())
    flood.town.turn_key(PUMP_KEY, locked=True)
    flood.town.silent.add(INPUTS)
    flood.town.coils[:2] = [True, True]
    flood.run(240)
    return flood


def moved_pumps(flood: Flood) -> list[int]:
    return [coil for _, coil, _ in flood.town.writes if coil in {0, 1}]


def test_a_key_that_was_turned_outlives_the_state(tmp_path: Path) -> None:
    flood = key_turned_and_then_silent(tmp_path)
    assert moved_pumps(flood) == []
    assert flood.told()["locked"] is True


def of_an_older_version(copied: bytes) -> bytes:
    """A copy that says nothing of stations."""
    return msgspec.json.encode({**msgspec.json.decode(copied), "stations": {}})


def of_before_the_key_was_turned(copied: bytes) -> bytes:
    return copied.replace(b'"locked":true', b'"locked":false')


@pytest.mark.parametrize("copy", [of_an_older_version, of_before_the_key_was_turned])
def test_a_station_of_whose_key_nobody_is_sure_is_left_alone_until_it_is_read(
    tmp_path: Path, copy: Callable[[bytes], bytes]
) -> None:
    flood = key_turned_and_then_silent(tmp_path, copy)
    assert moved_pumps(flood) == []
    assert "somebody may have locked it" in flood.text()
    again = waits_silently(Memory.decode(flood.memory or b""))  # the next process has a whole memory
    assert moved_pumps(again) == []
    again.town.turn_key(PUMP_KEY, locked=False)
    again.town.silent.clear()
    again.run(5)
    assert moved_pumps(again) != []


def test_somebody_at_the_controller_does_not_hide_that_the_key_is_not_known(tmp_path: Path) -> None:
    keep(tmp_path)
    torn(tmp_path)
    (tmp_path / COPY_FILE).unlink()
    document = msgspec.json.encode({"latches": {}})
    (tmp_path / COPY_FILE).write_bytes(hashlib.sha256(document).hexdigest().encode() + b"\n" + document)
    town = Flood().site
    ask(tmp_path, town, new_request("stands"))
    assert begin(tmp_path, town)[0].stations["flood-pumps"].forgotten


def test_somebody_at_the_controller_hears_of_it_where_no_agent_runs(tmp_path: Path, site: Site) -> None:
    keep(tmp_path)
    (tmp_path / COPY_FILE).unlink()
    torn(tmp_path)
    answer = ask(tmp_path, site, new_request("clear", who="Somchai"))
    assert not answer.done
    memory, _ = begin(tmp_path, site)
    assert [latch.kind for latch in memory.latches.values()] == ["memory_lost"]


def test_the_copy_is_written_when_something_stands_otherwise_and_not_before(tmp_path: Path) -> None:
    store, copy = StateStore(tmp_path), tmp_path / COPY_FILE
    store.commit(STOOD.encode(), [], [])
    first = copy.stat().st_ino
    dosing = Kept(stocks={"a": Stock(1240.0)}, lines=STOOD.dosing.lines, runs_on=STOOD.dosing.runs_on)
    later = msgspec.structs.replace(STOOD, filling=["band"], dosing=dosing)
    store.commit(later.encode(), [], [])
    assert copy.stat().st_ino == first
    store.commit(msgspec.structs.replace(later, emergency=None).encode(), [], [])
    assert b'emergency":null' in copy.read_bytes()
    store.close()


def test_a_copy_that_the_disk_refuses_costs_no_commit_and_is_written_later(tmp_path: Path) -> None:
    store, copy = StateStore(tmp_path), tmp_path / COPY_FILE
    copy.mkdir()
    store.commit(STOOD.encode(), [], [])
    assert store.memory() == STOOD.encode()
    assert store.copy.refusal is not None
    copy.rmdir()
    store.commit(STOOD.encode(), [], [])
    assert store.copy.refusal is None
    assert Memory.decode(store.copy.read() or b"").lockouts == STOOD.lockouts
    store.close()


DAY = "2026-11-21"
INJECTOR = InjectorPart(
    id="a",
    name=Words(th="ปุ๋ย", en="A"),
    actuator="doser",
    line="line",
    liquid="a",
    ml_min=60,
    stock_l=20,
    max_pulse_ml=10,
    max_hour_ml=90,
    max_day_ml=150,
)
USED = Memory(
    known=Book({"zone-1": DayUse(DAY, 3550.0)}, {"morning": 77}, {"zone-2": 99}),
    kept=ProgramsKept(hours=100.0, zones={"zone-1": ZoneKept(given=[(70.0, 500.0), (80.5, 300.0), (99.0, 101.0)])}),
    dosing=Kept(stocks={"a": Stock(5.0, day=[Spent("b", 0, 9, 30.0), Spent("b", 10, 19, 70.5)])}, boot="b", up_ms=19),
    blind_l=1234.0,
    unproven_l={"meter": 5.0},
    perhaps_burst={"meter": ["zone-1"]},
)


def copied(folder: Path, memory: Memory) -> Memory:
    """What is read from the copy of a memory."""
    SecondCopy(folder).keep(memory.encode())
    document = SecondCopy(folder).read()
    assert document is not None
    return Memory.decode(document)


def test_todays_limits_are_copied_rounded_up(tmp_path: Path) -> None:
    memory = copied(tmp_path, USED)
    assert memory.known == Book({"zone-1": DayUse(DAY, 3600.0)}, {"morning": 77}, {"zone-2": 99})
    [(then_h, then_l), (now_h, now_l)] = memory.kept.zones["zone-1"].given
    assert (then_h, now_h, memory.kept.hours) == (-18.0, 0.0, 0.0)
    assert 300 <= then_l < 330
    assert 101 <= now_l < 112
    assert 1234 <= memory.blind_l < 1358
    assert memory.unproven_l == {"meter": 10.0}
    assert memory.perhaps_burst == USED.perhaps_burst
    assert copied(tmp_path, memory) == memory, "a copy of a copy is no more"


def test_water_by_a_clock_that_nobody_knows_counts_for_the_day_on_which_the_copy_is_read(tmp_path: Path) -> None:
    guess = Guess("b", Book({"zone-1": DayUse("1970-01-01", 600.0)}))
    memory = copied(tmp_path, Memory(known=Book({"zone-1": DayUse("2026-11-19", 60.0)}), guess=guess))
    assert memory.guess is None
    memory.known.put_right(MORNING_MS, DAY, "2026-11-23", {})
    assert memory.known.used_s("zone-1", DAY) == 600.0
    assert memory.known.used_s("zone-1", "2026-11-22") == 0.0


def test_what_was_dosed_counts_for_hour_and_day_from_when_the_copy_is_read(tmp_path: Path) -> None:
    dosing = copied(tmp_path, USED).dosing
    up_ms = 30 * DAY_MS  # a process that begins in a machine that is up for a month
    ledger = Ledger(lambda: dosing)

    def room(after_ms: int) -> Room:
        return ledger.room(INJECTOR, Now(MORNING_MS, up_ms + after_ms, "b", sure=True))

    assert (room(0).ml, room(0).cap) == (0.0, "hour")
    assert 38 <= room(HOUR_MS).ml <= 49.5
    assert room(HOUR_MS).cap == "day"
    assert room(DAY_MS).ml == 90.0


def test_a_run_that_the_state_has_forgotten_is_told_and_its_whole_plan_counts(tmp_path: Path, site: Site) -> None:
    play = Play(site)
    play.run(5)
    play.water(seconds=900)
    play.run(60)
    assert play.memory is not None
    memory = copied(tmp_path, Memory.decode(play.memory))
    again = Play(site, memory=memory.encode(), start_ms=play.now_ms + 1_000_000)
    again.run(5)
    [ended] = again.ended()
    assert ended.body["outcome"] == "interrupted"
    assert again.memory is not None
    assert Memory.decode(again.memory).known.used["zone-1"].seconds == 900.0


def test_a_run_writes_the_copy_a_few_times_and_not_at_every_step(tmp_path: Path, site: Site) -> None:
    play, copy, written = Play(site), SecondCopy(tmp_path), set[bytes]()
    play.run(5)
    play.water(seconds=1200)
    for _ in range(1260):
        play.run(1)
        copy.keep(play.memory or b"")
        written.add((tmp_path / COPY_FILE).read_bytes())
    assert len(play.ended()) == 1
    assert len(written) <= 4
