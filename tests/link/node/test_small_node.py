"""The example node in plain paho-mqtt keeps the promises of the link, against a real broker and a real receiver."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests import servers
from tests.link.harness import Ledger, cloud, until
from tonnam_link.messages import Verdict

PROGRAM = Path(__file__).resolve().parents[3] / "link" / "examples" / "small_node.py"
DATASTREAM = "machine/cpu/load"


@asynccontextmanager
async def small_node(url: str, file: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    host, _, port = url.removeprefix("mqtt://").rpartition(":")
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), host, port, "farm", "small", str(file)
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


def unanswered(file: Path) -> int:
    with sqlite3.connect(file) as db:
        (count,) = db.execute("SELECT count(*) FROM batch").fetchone()
    db.close()
    return int(count)


def sealed(file: Path) -> int:
    """How many batches were ever sealed."""
    with sqlite3.connect(file) as db:
        row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'batch'").fetchone()
    db.close()
    return int(row[0]) if row else 0


async def test_the_example_node_loses_nothing_while_it_and_the_broker_are_killed(
    broker_server: servers.BrokerServer, tmp_path: Path
) -> None:
    ledger, file = Ledger(), tmp_path / "outbox.db"
    async with cloud(broker_server.url, ledger):
        async with small_node(broker_server.url, file):
            await until(lambda: len(ledger.readings) >= 2, "the first readings, after the dictionary", 30)
            broker_server.kill()
            before = sealed(file)
            await until(lambda: sealed(file) > before, "a batch sealed without a broker", 20)
        left = unanswered(file)
        assert left > 0
        broker_server.start()
        async with small_node(broker_server.url, file):
            await until(lambda: unanswered(file) == 0 and sealed(file) > before, "the last answer", 40)
            kept = sealed(file)
    assert len(ledger.dictionaries) == 1
    assert {name for name, _ in ledger.readings} == {DATASTREAM}
    times = sorted(at for _, at in ledger.readings)
    assert len(times) >= 2 * 5
    assert all(at % 1000 == 0 for at in times)
    assert set(ledger.verdicts) <= {Verdict.STORED, Verdict.NEED_DICTIONARY}
    assert ledger.verdicts[Verdict.STORED] >= kept
