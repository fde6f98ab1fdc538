"""A full tank is told at the controller itself, with or without an agent that runs."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from typer.testing import CliRunner

from tests.edge.dosing.rig import dose, farm
from tests.edge.farms import site_of
from tonnam_edge.core.dosing.kept import Kept, Stock
from tonnam_edge.core.memory import Latch, Memory
from tonnam_edge.main import app
from tonnam_edge.state_store import StateStore


def test_who_is_there_says_that_a_tank_is_full_and_only_that_tank_is(tmp_path: Path) -> None:
    site_of(tmp_path, farm(dose(1, 'dose = [{ injector = "a", ml_per_l = 4 }]')))
    state = tmp_path / "state"
    empty = {name: Latch(name, "stock_empty", name, 0, {"th": "หมด", "en": "Empty"}) for name in ("a", "b")}
    kept = Kept(stocks={name: Stock(used_ml=20_000.0) for name in ("a", "b")})
    with closing(StateStore(state)) as store:
        store.commit(Memory(latches=empty, dosing=kept).encode(), [], [])
    said = ["refilled", str(tmp_path / "site.toml"), "--state", str(state), "--who", "somchai"]
    assert CliRunner().invoke(app, [*said, "--injector", "nobody"]).exit_code == 1
    assert CliRunner().invoke(app, [*said, "--injector", "a"]).exit_code == 0
    with closing(StateStore(state)) as store:
        found = Memory.decode(store.memory() or b"{}")
    assert {name: stock.used_ml for name, stock in found.dosing.stocks.items()} == {"a": 0.0, "b": 20_000.0}
    assert list(found.latches) == ["b"]
