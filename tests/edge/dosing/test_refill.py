"""A full tank is told at the controller itself, with or without an agent that runs."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from typer.testing import CliRunner

from tests.edge.dosing.rig import dose, farm
from tests.edge.farms import site_of
from tonnam_edge.core.dosing.kept import Kept, Stock
from tonnam_edge.core.dosing.ledger import HOUR_MS, Ledger
from tonnam_edge.core.image import Now
from tonnam_edge.core.memory import Latch, Memory
from tonnam_edge.main import app
from tonnam_edge.second_copy import COPY_FILE
from tonnam_edge.state_store import STATE_FILE, StateStore


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


def test_after_a_lost_memory_no_tank_is_full_and_every_line_is_to_be_rinsed(tmp_path: Path) -> None:
    site = site_of(tmp_path, farm(dose(1, 'dose = [{ injector = "a", ml_per_l = 4 }]')))
    state = tmp_path / "state"
    with closing(StateStore(state)) as store:
        store.commit(Memory().encode(), [], [])
    (state / STATE_FILE).write_bytes(b"torn" * 4096)
    (state / COPY_FILE).unlink()
    assert CliRunner().invoke(app, ["stands", str(tmp_path / "site.toml"), "--state", str(state)]).exit_code == 0
    with closing(StateStore(state)) as store:
        found = Memory.decode(store.memory() or b"{}")
    assert [latch.kind for latch in found.latches.values()] == ["memory_lost"]
    assert {tuple(residue.liquids) for residue in found.dosing.lines.values()} == {("a", "acid", "b")}
    ledger, part = Ledger(lambda: found.dosing), site.file.injector[0]
    assert ledger.room(part, Now(0, 40 * HOUR_MS, "boot")) == (0.0, "hour")
    assert ledger.room(part, Now(0, 41 * HOUR_MS, "boot")) == (0.0, "stock")
    found.dosing.stock(part.id).used_ml = 0.0  # somebody says that it is full
    assert ledger.room(part, Now(0, 41 * HOUR_MS, "boot")).ml > 0
