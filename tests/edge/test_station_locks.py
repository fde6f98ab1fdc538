"""`all_off` and who has a station in hand: what the switches say, else what is remembered; and where nobody knows."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
import structlog

from tests.edge.floods import EXAMPLE, INPUTS, PUMP_KEY, Flood, FloodTown
from tonnam_edge.all_off import all_off
from tonnam_edge.core.memory import Latch, Lockout, Memory, Pressed
from tonnam_edge.core.stations.kept import StationKept
from tonnam_edge.modbus.direct import DirectTransport
from tonnam_edge.modbus.writes import Write
from tonnam_edge.recollection import standing_in
from tonnam_edge.second_copy import COPY_FILE, SecondCopy, Standing, StationStands, standing_of
from tonnam_edge.site.check import load_site
from tonnam_edge.site.polling import Read
from tonnam_edge.site.site import Site
from tonnam_edge.state_store import STATE_FILE

PUMPS = {0, 1}
WORDS = {"th": "หาย", "en": "lost"}
KEPT_LOCKED = Standing(stations={"flood-pumps": StationStands(locked=True)})
EMERGENCY = '\n[cabinet]\nemergency_stop = "switches/input_7"\n'


class Wire:
    """A bus whose devices answer at once."""

    def __init__(self, town: FloodTown) -> None:
        self._direct = DirectTransport(town.execute)

    async def connect(self) -> None:
        pass

    async def read(self, unit: int, read: Read) -> Sequence[int]:
        return self._direct.read(unit, read)

    async def write(self, write: Write) -> None:
        self._direct.write(write)

    async def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Site:
    return load_site(EXAMPLE)[0]


def held_off(*silent: int) -> FloodTown:
    """A town whose pumps are held off and whose gate is held open."""
    town = FloodTown()
    town.coils[:3] = [True] * 3
    town.silent |= set(silent)
    return town


def moved(town: FloodTown, site: Site, remembered: Standing | None) -> tuple[bool, set[int]]:
    """Whether all is said to be off, and which coils were written."""
    off = asyncio.run(all_off(site, lambda part: Wire(town), structlog.get_logger(), remembered, within_s=0.3))
    return off, {coil for _, coil, _ in town.writes}


def test_a_pump_whose_key_is_silent_and_was_last_seen_locked_is_left_alone(site: Site) -> None:
    assert moved(held_off(INPUTS), site, KEPT_LOCKED) == (True, {2})


def test_a_key_that_is_read_as_unlocked_wins_over_the_memory(site: Site) -> None:
    assert moved(held_off(), site, KEPT_LOCKED) == (True, PUMPS | {2})


def test_a_key_that_is_read_as_locked_needs_no_memory(site: Site) -> None:
    town = held_off()
    town.turn_key(PUMP_KEY, locked=True)
    assert moved(town, site, None) == (True, {2})


def test_a_silent_key_that_was_last_seen_free_or_never_locks_nothing(site: Site) -> None:
    free = Standing(stations={"flood-pumps": StationStands(locked=False, mode="auto")})
    assert moved(held_off(INPUTS), site, free) == (True, PUMPS | {2})
    assert moved(held_off(INPUTS), site, Standing()) == (True, PUMPS | {2})


@pytest.mark.parametrize(
    "remembered",
    [None, Standing(stations=dict.fromkeys(("flood-pumps", "sluice"), StationStands(forgotten=True)))],
)
def test_where_nobody_knows_it_is_left_to_its_boards_timer_and_not_called_off(
    site: Site, remembered: Standing | None
) -> None:
    assert moved(held_off(INPUTS), site, remembered) == (False, set())


def test_a_switch_counts_as_it_is_read_and_else_as_it_was(site: Site) -> None:
    by_hand = Standing(stations={"flood-pumps": StationStands(locked=False, mode="hand")})
    assert moved(held_off(INPUTS), site, by_hand) == (True, {2})
    assert moved(held_off(), site, by_hand) == (True, PUMPS | {2})
    town = held_off()
    town.turn_switch("off")
    assert moved(town, site, Standing())[1] == {2}


def test_a_lock_out_at_the_site_keeps_a_station_from_being_moved_and_one_from_afar_does_not(site: Site) -> None:
    here = Standing(lockouts={"k": Lockout("k", "flood-pumps", "Somchai", "screen", 5)})
    afar = Standing(lockouts={"k": Lockout("k", "flood-pumps", "Somchai", "screen", 5, afar=True)})
    assert moved(held_off(), site, here)[1] == {2}
    assert moved(held_off(), site, afar)[1] == PUMPS | {2}


def test_after_a_lost_memory_no_station_is_moved(site: Site) -> None:
    lost = Standing(latches={"l": Latch("l", "memory_lost", "meter", 5, WORDS)})
    assert moved(held_off(), site, lost)[1] == set()


def test_a_pressed_emergency_stop_is_read_and_else_remembered(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8").replace('"input_5"]', '"input_5", "input_7"]') + EMERGENCY
    (tmp_path / "site.toml").write_text(text, encoding="utf-8")
    with_stop = load_site(tmp_path / "site.toml")[0]
    pressed = Standing(emergency=Pressed(5))
    assert moved(held_off(INPUTS), with_stop, pressed)[1] == set()
    assert moved(held_off(), with_stop, Standing())[1] == set()  # its contact is open: pressed
    town = held_off()
    town.keys.add(7)
    assert moved(town, with_stop, pressed)[1] == PUMPS | {2}


def test_what_an_agent_has_seen_of_a_key_is_what_stands() -> None:
    flood = Flood()
    flood.run(20)
    flood.town.turn_key(PUMP_KEY, locked=True)
    flood.run(3)
    flood.town.silent.add(INPUTS)
    flood.run(200)
    assert standing_of(flood.core.document).stations["flood-pumps"].locked


async def test_the_copy_is_read_and_nothing_is_remembered_where_no_agent_has_lived(tmp_path: Path) -> None:
    assert await standing_in(tmp_path) == Standing()
    SecondCopy(tmp_path).keep(Memory(stations={"flood-pumps": StationKept(locked=True)}).encode())
    assert await standing_in(tmp_path) == KEPT_LOCKED


async def test_a_copy_that_is_damaged_missing_or_on_a_disk_that_hangs_is_not_known(tmp_path: Path) -> None:
    (tmp_path / STATE_FILE).touch()
    assert await standing_in(tmp_path) is None
    (tmp_path / COPY_FILE).write_bytes(b"0\n{}")
    assert await standing_in(tmp_path) is None
    (tmp_path / COPY_FILE).unlink()
    os.mkfifo(tmp_path / COPY_FILE)  # to open it blocks, as a disk that hangs
    assert await standing_in(tmp_path, 0.05) is None
