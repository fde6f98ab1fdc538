"""`tonnam-edge all-off`, as a person types it and as systemd runs it after every end."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.edge.servers import simulated_farm
from tests.edge.test_agent import EXAMPLE, agent, coils, thirsty, until_coils


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    with simulated_farm(tmp_path) as addresses:
        yield addresses


async def all_off(folder: Path, farm: Mapping[str, str], *options: str) -> tuple[int, str]:
    """Its end, and all that it said."""
    site = folder / "site.toml"
    buses = [part for name, address in farm.items() for part in ("--bus", f"{name}={address}")]
    command = [sys.executable, "-c", "from tonnam_edge.main import main; main()", "all-off"]
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = await asyncio.create_subprocess_exec(*command, str(site), *buses, *options, **pipe)  # type: ignore[arg-type]
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_after_a_kill_it_turns_everything_off_even_when_the_site_file_is_broken_by_then(
    tmp_path: Path, farm: Mapping[str, str]
) -> None:
    with agent(tmp_path, farm, text=thirsty()) as running:
        await running.says("run.started")
        await until_coils(farm, [1, 1, 0])
        assert running.end(signal.SIGKILL) == -signal.SIGKILL
    (tmp_path / "site.toml").write_text("[node]\n", encoding="utf-8")
    code, said = await all_off(tmp_path, {})
    assert code == 2
    assert await coils(farm) == [1, 1, 0]
    code, said = await all_off(tmp_path, {}, "--state", str(tmp_path / "state"), "--unless-guarded")
    assert (code, await coils(farm)) == (0, [0, 0, 0]), said
    assert "read back as off" in said


async def test_it_spares_what_a_running_agent_guards_only_when_told_to(
    tmp_path: Path, farm: Mapping[str, str]
) -> None:
    with agent(tmp_path, farm, text=thirsty()) as running:
        await running.says("run.started")
        await until_coils(farm, [1, 1, 0])
        code, said = await all_off(tmp_path, farm, "--unless-guarded")
        assert code == 0
        assert f"pid {running.process.pid}" in said
        assert "read back as off" not in said
        assert await coils(farm) == [1, 1, 0]
        assert (await all_off(tmp_path, farm))[0] == 0
        await running.says("actuator.fault")  # it sees that another has moved them, and fights nobody
        assert await coils(farm) == [0, 0, 0]
        assert running.end(signal.SIGTERM) == 0


async def test_a_cabinet_that_does_not_answer_ends_it_with_1_and_a_word_to_look(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    code, said = await all_off(tmp_path, {"cabinet": "tcp://127.0.0.1:9"})
    assert code == 1
    assert "look at the cabinet" in said
