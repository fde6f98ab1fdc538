"""Commissioning a flood gate: timers that end in the safe state, the gate's travel, contactors that let go."""

from __future__ import annotations

from pathlib import Path

from tests.edge.floods import EXAMPLE
from tests.edge.servers import ModbusServer
from tests.edge.test_commission import QUICK, Talk
from tests.edge.test_station_agent import LiveTown
from tonnam_edge.commissioning.commission_site import FINISHED, commission_site
from tonnam_edge.site.check import load_site


async def test_a_walk_finds_that_timers_can_be_renewed_and_leaves_everything_in_its_safe_state(
    tmp_path: Path,
) -> None:
    town = LiveTown()
    file = tmp_path / "gate.toml"

    def cut() -> str:
        assert town.coils[2]
        town.power_cut()
        return ""

    async with ModbusServer(town.execute) as server:
        text = EXAMPLE.read_text(encoding="utf-8").replace("tcp://127.0.0.1:15031", server.address)
        file.write_text(text.replace('renewable = "verified"\n', ""), encoding="utf-8")
        talk = Talk({"supply off and on": cut})
        assert await commission_site(file, load_site(file)[0], {}, talk.reading, talk.say, QUICK) == FINISHED
    site, warnings = load_site(file)
    assert warnings == []
    assert {one.part.renewable for one in site.actuators.values()} == {"verified"}
    assert all(one.part.commissioned for one in site.actuators.values())
    assert town.coils[:3] == [False] * 3
    assert talk.heard("let go, and pull in again?") == 2
