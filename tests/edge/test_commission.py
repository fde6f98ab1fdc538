"""Commissioning, with a person played by the test: what is seen is written down, and nothing ever stays open."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.edge.cabinets import Cabinet, Soil, TimedBoard, standing
from tests.edge.farms import SITE
from tests.edge.servers import simulated_farm
from tests.edge.test_agent import EXAMPLE, coils, until_coils
from tests.edge.test_late_board import TWO_BOARDS
from tonnam_edge.commissioning import bench
from tonnam_edge.commissioning.commission import Times
from tonnam_edge.commissioning.commission_site import BROKEN_OFF, FINISHED, NOT_OFF, commission_site
from tonnam_edge.site.check import load_site
from tonnam_edge.site.site_edit import edited

QUICK = Times(
    power_s=5, look_s=1.5, longest_travel_s=6, contactor_s=0.6, flash_s=1.2, fill_s=0.3, flow_s=1.5, decay_s=0.1
)
Answer = str | Callable[[], str]


class Talk:
    """The person: answers each question by a word in it, the first that fits; by default with Enter."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        usual = {"isolated": "y", "What do you see": "o", "contactor of": "y", "Measure the flow": "y"}
        usual |= {"come out there": "y", "Write the results": "y"}
        self.answers: dict[str, Answer] = {**answers, **{word: usual[word] for word in usual if word not in answers}}
        self.said: list[str] = []
        self.reading, self._typing = os.pipe()

    def say(self, text: str) -> None:
        self.said.append(text)
        if not re.search(r"\[.*\]$|Enter", text):
            return
        answer: Answer = next((each for word, each in self.answers.items() if word in text), "")
        answer = answer() if callable(answer) else answer
        if answer == "EOF":
            os.close(self._typing)
        elif answer != "silence":
            os.write(self._typing, f"{answer}\n".encode())

    def heard(self, words: str) -> int:
        return sum(words in text for text in self.said)


class Farm:
    def __init__(self, folder: Path, text: str) -> None:
        self.path = folder / "farm.toml"
        self.path.write_text(text, encoding="utf-8")

    async def commission(self, talk: Talk) -> int:
        site, _ = load_site(self.path)
        return await commission_site(self.path, site, {}, talk.reading, talk.say, QUICK)


@asynccontextmanager
async def farm(folder: Path, cabinet: Cabinet, text: str = SITE) -> AsyncIterator[Farm]:
    async with standing(cabinet, Soil(280, 280), text) as stands:
        yield Farm(folder, stands)


def power_cut(cabinet: Cabinet) -> Callable[[], str]:
    """Switch the board off and on; all that it was told is forgotten."""

    def cut() -> str:
        assert any(cabinet.coils)
        cabinet.boards[1].coils[:] = [False] * 8
        cabinet.boards[1].until.clear()
        return ""

    return cut


async def test_a_walk_finds_travel_flow_and_date_and_writes_them_between_the_lines(tmp_path: Path) -> None:
    cabinet = Cabinet()
    talk = Talk({"supply off and on": power_cut(cabinet)})
    text = SITE.replace('id = "valve-1"', 'id = "valve-1" # the first').replace(
        "flow_l_min = 60", "flow_l_min = 55 # so"
    )
    async with farm(tmp_path, cabinet, text) as site:
        before = site.path.read_text(encoding="utf-8")
        assert await site.commission(talk) == FINISHED
        after = site.path.read_text(encoding="utf-8")
        read = load_site(site.path)[0]
    assert cabinet.coils == [False] * 3
    assert all(0 < hold_s <= 50 for _, hold_s in cabinet.boards[1].flashes)
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", read.actuators["valve-1"].part.commissioned or "")
    assert read.actuators["pump"].part.commissioned == read.actuators["valve-1"].part.commissioned
    assert read.actuators["valve-1"].part.travel_s in {0.5, 1.0}
    assert 480 < read.zones["zone-1"].part.flow_l_min < 720
    assert talk.heard("can be renewed") == 1
    assert read.devices["relay"].part.power_on == "off"
    kept = [line for line in before.splitlines() if not line.startswith("flow_l_min")]
    assert [line for line in after.splitlines() if line in kept and line] == [line for line in kept if line]
    assert 'id = "valve-1" # the first' in after
    assert re.search(r"flow_l_min = [\d.]+ # so", after)


async def test_a_board_that_comes_back_with_a_relay_on_is_not_used_further(tmp_path: Path) -> None:
    cabinet, talk = Cabinet(), Talk({})  # Enter without a power cut: the relay is on still
    async with farm(tmp_path, cabinet) as site:
        before = site.path.read_bytes()
        assert await site.commission(talk) == FINISHED
        assert site.path.read_bytes() == before
    assert talk.heard("Set it to be off at power-on") == 1
    assert talk.heard("What do you see") == 0
    assert cabinet.coils == [False] * 3


async def test_where_nobody_cuts_the_power_nothing_is_called_commissioned(tmp_path: Path) -> None:
    cabinet, talk = Cabinet(), Talk({"supply off and on": "s", "Measure the flow": "s"})
    async with farm(tmp_path, cabinet) as site:
        assert await site.commission(talk) == FINISHED
        read = load_site(site.path)[0]
    assert read.actuators["valve-1"].part.travel_s in {0.5, 1.0}
    assert read.actuators["valve-1"].part.commissioned is None
    assert read.devices["relay"].part.power_on is None


@pytest.mark.parametrize(("seen", "told"), [("n", "does not move"), ("c", "the wrong way"), ("w", "another coil")])
async def test_a_valve_that_does_not_do_what_it_should_is_told_and_not_written(
    tmp_path: Path, seen: str, told: str
) -> None:
    cabinet = Cabinet()
    first_only: list[str] = []

    def look() -> str:
        first_only.append("")
        return seen if len(first_only) == 1 else "o"

    talk = Talk({"supply off and on": power_cut(cabinet), "What do you see": look, "Measure the flow": "s"})
    async with farm(tmp_path, cabinet) as site:
        assert await site.commission(talk) == FINISHED
        read = load_site(site.path)[0]
    assert talk.heard(told) == 1
    assert read.actuators["valve-1"].part.commissioned is None
    assert read.actuators["valve-2"].part.commissioned is not None


async def test_an_answer_that_does_not_come_ends_the_opening_and_a_slow_valve_gets_twice_the_time(
    tmp_path: Path,
) -> None:
    cabinet = Cabinet()
    asked: list[bool] = []

    def opened() -> str:
        asked.append(cabinet.coils[1])
        return "silence" if len(asked) == 1 else ""

    talk = Talk({"supply off and on": power_cut(cabinet), "Valve 1 opens now": opened, "Measure the flow": "s"})
    async with farm(tmp_path, cabinet) as site:
        assert await site.commission(talk) == FINISHED
    assert asked == [True, True]
    assert talk.heard("The time is over, and it is off") == 1
    assert [hold_s for coil, hold_s in cabinet.boards[1].flashes if coil == 1][-2:] == [1.5, 3.0]
    assert cabinet.coils == [False] * 3


async def test_a_board_that_holds_no_renewal_or_no_end_is_found_out(tmp_path: Path) -> None:
    cabinet = Cabinet()
    cabinet.boards[1].renews = False
    talk = Talk({"supply off and on": power_cut(cabinet), "Measure the flow": "s", "Write the results": "n"})
    async with farm(tmp_path, cabinet) as site:
        assert await site.commission(talk) == FINISHED
        assert talk.heard("its timer cannot be renewed") == 1
        cabinet.boards[1].look = lambda: None  # type: ignore[method-assign]
        talk = Talk({"supply off and on": power_cut(cabinet)})
        assert await site.commission(talk) == FINISHED
    assert talk.heard("did not end an opening by itself") == 1
    assert talk.heard("What do you see") == 0
    assert not any(cabinet.boards[1].coils)


async def test_nothing_is_touched_while_the_pump_is_not_isolated(tmp_path: Path) -> None:
    cabinet, talk = Cabinet(), Talk({"isolated": "n"})
    async with farm(tmp_path, cabinet) as site:
        assert await site.commission(talk) == FINISHED
    assert talk.heard("Nothing was touched") == 1
    assert cabinet.boards[1].flashes == []


@pytest.mark.parametrize(
    "question", ["isolated", "supply off and on", "What do you see", "opens now", "contactor of"]
)
async def test_a_person_who_leaves_at_a_question_leaves_everything_off(tmp_path: Path, question: str) -> None:
    cabinet = Cabinet()
    talk = Talk({question: "EOF"} | ({} if "supply" in question else {"supply off and on": power_cut(cabinet)}))
    async with farm(tmp_path, cabinet) as site:
        before = site.path.read_bytes()
        assert await site.commission(talk) == BROKEN_OFF
        assert site.path.read_bytes() == before
    assert not any(cabinet.boards[1].coils)


async def test_ctrl_c_while_a_valve_is_open_turns_it_off_and_no_second_one_may_begin(tmp_path: Path) -> None:
    with simulated_farm(tmp_path) as addresses:
        path = tmp_path / "farm.toml"
        path.write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
        buses = [part for name, address in addresses.items() for part in ("--bus", f"{name}={address}")]
        command = [sys.executable, "-c", "from tonnam_edge.main import main; main()", "commission", str(path), *buses]
        terminal, ours = pty.openpty()
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, stdin=ours, stdout=pipe, stderr=pipe)
        os.write(terminal, b"y\n")
        await until_coils(addresses, [0, 1, 0])
        second = await asyncio.create_subprocess_exec(*command, stdin=ours, stdout=pipe, stderr=pipe)
        _, why = await second.communicate()
        assert (second.returncode, b"another agent uses it" in why) == (2, True)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        said, _ = await process.communicate()
        assert process.returncode == BROKEN_OFF
        assert "read back as off" in said.decode()
        assert await coils(addresses) == [0, 0, 0]
        for end in (terminal, ours):
            os.close(end)


async def test_a_cabinet_that_dies_meanwhile_is_not_told_to_be_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "PATIENCE_S", 0.5)
    cabinet = Cabinet()

    def dies() -> str:
        cabinet.boards[1].answers = False
        return "o"

    talk = Talk({"supply off and on": power_cut(cabinet), "What do you see": dies})
    async with farm(tmp_path, cabinet, SITE.replace("[[bus]]", "[[bus]]\ntimeout_s = 0.1", 1)) as site:
        assert await site.commission(talk) == NOT_OFF
    assert talk.heard("did NOT confirm") == 1


LISTS = 'actuator = [{id = "a", x = 1}] # all\r\n# end\r\n'
TABLES = '\ufeff[[actuator]]\r\nid = "a" # c\r\n\r\n# about b\r\n[[actuator]]\r\nid = "b"'


def test_values_are_set_where_they_belong_however_the_file_is_written() -> None:
    changes = {("actuator", "a"): {"x": 2, "y": "z"}}
    assert edited(LISTS, changes) == 'actuator = [{id = "a", x = 2, y = "z"}] # all\r\n# end\r\n'
    after = edited(TABLES, {**changes, ("actuator", "b"): {"y": 1.5}})
    first, second = 'id = "a" # c\r\nx = 2\r\ny = "z"', 'id = "b"\r\ny = 1.5'
    assert after == f"\ufeff[[actuator]]\r\n{first}\r\n\r\n# about b\r\n[[actuator]]\r\n{second}\r\n"
    between = '[[actuator]]\nid = "b"\n\n[[bus]] # one\nid = "x"\n\n[[actuator]]\nid = "a"\nat = [\n [1],\n]\n'
    assert edited(between, {("bus", "x"): {"y": 1}}) == between.replace('"x"\n', '"x"\ny = 1\n')
    with pytest.raises(KeyError):
        edited(TABLES, {("actuator", "c"): {}})


async def test_a_board_that_is_not_there_is_left_out_and_nothing_is_written_while_it_is_not_proven_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "PATIENCE_S", 0.5)
    cabinet = Cabinet()
    cabinet.boards[9].answers = False
    talk = Talk({"supply off and on": power_cut(cabinet), "Measure the flow": "s"})
    async with farm(tmp_path, cabinet, TWO_BOARDS) as site:
        before = site.path.read_bytes()
        assert await site.commission(talk) == NOT_OFF
        assert site.path.read_bytes() == before
    assert talk.heard("Left out, for it does not answer") == 1
    assert (talk.heard("Valve 1 travels"), talk.heard("Valve 3 travels")) == (1, 0)


async def test_a_valve_that_closes_when_energised_is_opened_by_letting_it_go_and_closed_again(tmp_path: Path) -> None:
    cabinet = Cabinet()
    seen: list[bool] = []

    def look() -> str:
        seen.append(cabinet.boards[1].coils[2])
        return "o"

    text = SITE.replace('id = "valve-2"', 'id = "valve-2"\nkind = "normally_open"\nsafe_state = "closed"')
    talk = Talk({"supply off and on": power_cut(cabinet), "Valve 2 is on": look})
    async with farm(tmp_path, cabinet, text) as site:
        assert await site.commission(talk) == FINISHED
        read = load_site(site.path)[0]
    assert seen == [False]
    assert cabinet.coils == [False, False, True]  # energised: closed
    assert read.actuators["valve-2"].part.commissioned is not None
    assert read.actuators["valve-1"].part.renewable == "verified"
    assert read.actuators["valve-2"].part.renewable == "verified"  # by the board's other timer
    assert talk.heard("can be renewed") == 2
    assert talk.heard("holds no deadline") == 0


async def test_a_board_whose_other_timer_does_not_end_is_found_out(tmp_path: Path) -> None:
    cabinet = Cabinet()
    cabinet.boards[1] = NeverOnAgain()
    text = SITE.replace('id = "valve-2"', 'id = "valve-2"\nkind = "normally_open"\nsafe_state = "closed"')
    talk = Talk({"supply off and on": power_cut(cabinet)})
    async with farm(tmp_path, cabinet, text) as site:
        before = site.path.read_bytes()
        assert await site.commission(talk) == FINISHED
        assert site.path.read_bytes().count(b"commissioned") == before.count(b"commissioned")
    assert talk.heard("did not end an opening by itself") == 1
    assert cabinet.coils == [False, False, True]


LATCHING = SITE.replace(
    'id = "valve-1"\nrole = "valve"',
    'id = "valve-1"\nrole = "valve"\nkind = "latching"\nclose_coil = 3\npulse_s = 0.3',
)


async def test_a_latching_valves_pulse_is_tried_and_the_valve_is_closed_by_its_other_coil(tmp_path: Path) -> None:
    cabinet = Cabinet()
    talk = Talk({"supply off and on": power_cut(cabinet), "Go on?": "y", "Measure the flow": "s"})
    async with farm(tmp_path, cabinet, LATCHING) as site:
        assert await site.commission(talk) == FINISHED
        read = load_site(site.path)[0]
    assert talk.heard("ends a latching valve's pulse by itself") == 1
    assert read.actuators["valve-1"].part.commissioned is not None
    pulses = [coil for coil, seconds in cabinet.boards[1].flashes if seconds == 0.3]
    assert 1 in pulses
    assert pulses[-1] == 3
    assert cabinet.coils == [False] * 3


async def test_a_board_that_does_not_end_a_pulse_is_not_used_further(tmp_path: Path) -> None:
    cabinet = Cabinet()
    cabinet.boards[1] = EndlessPulse()
    talk = Talk({"supply off and on": power_cut(cabinet), "Go on?": "y"})
    async with farm(tmp_path, cabinet, LATCHING) as site:
        assert await site.commission(talk) == FINISHED  # of a latching valve the coils say nothing more
        read = load_site(site.path)[0]
    assert talk.heard("Valve 1 is not proven to be off") == 1
    assert talk.heard("What do you see") == 0
    assert read.actuators["valve-1"].part.commissioned is None


class NeverOnAgain(TimedBoard):
    """Its flash off is a plain off."""

    def look(self) -> None:
        for coil in [coil for coil in self.until if not self.coils[coil]]:
            del self.until[coil]
        super().look()


class EndlessPulse(TimedBoard):
    """Its short flashes do not end."""

    def look(self) -> None:
        for coil in [coil for coil in self.until if coil in {1, 3}]:
            del self.until[coil]
        super().look()


async def test_a_run_to_measure_opens_the_master_valve_and_the_contactor_too(tmp_path: Path) -> None:
    cabinet = Cabinet()
    text = SITE.replace("coil = 0\n", 'coil = 0\ncontactor = "main"\n', 1) + EXTRA
    text = text.replace('pump = "pump"', 'pump = "pump"\nmaster = "head"')
    flowing: list[list[bool]] = []

    def measure() -> str:
        flowing.append(list(cabinet.boards[1].coils[:5]))
        return "y"

    talk = Talk({"supply off and on": power_cut(cabinet), "come out there": measure})
    async with farm(tmp_path, cabinet, text) as site:
        assert await site.commission(talk) == FINISHED
    longest = {coil: max(hold for each, hold in cabinet.boards[1].flashes if each == coil) for coil in range(5)}
    assert longest[0] < longest[1]  # the pump's deadline ends before its valves'
    assert longest[0] < longest[3]
    assert flowing == [[False] * 5] * 2
    assert not any(cabinet.boards[1].coils)


EXTRA = """
[[actuator]]
id = "head"
role = "master"
device = "relay"
coil = 3
name = { th = "วาล์วหลัก", en = "Head valve" }

[[actuator]]
id = "main"
role = "contactor"
device = "relay"
coil = 4
name = { th = "คอนแทกเตอร์", en = "Main contactor" }
"""
