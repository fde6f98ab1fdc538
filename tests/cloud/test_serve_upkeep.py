"""The process outlives a part of it that fails."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.servers import HOST, free_port
from tonnam_cloud import upkeep
from tonnam_cloud.ingest.commit import Ingest
from tonnam_cloud.ingest.presence import Presences
from tonnam_cloud.serve import serve
from tonnam_cloud.settings import Settings


async def test_cloud_answers_while_ingest_and_presence_fail_and_begin_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    async def failing(part: object) -> None:
        tries.append(type(part).__name__)
        raise RuntimeError("out of luck")

    monkeypatch.setattr(upkeep, "START_AGAIN_S", 0.05)
    for part in (Ingest, Presences):
        monkeypatch.setattr(part, "run", failing)
    port = free_port()
    settings = Settings(data=tmp_path, broker=f"mqtt://{HOST}:{free_port()}", host=HOST, port=port)
    running = asyncio.create_task(serve(settings, []))
    async with asyncio.timeout(10), httpx.AsyncClient() as client:
        while tries.count("Ingest") < 3 or tries.count("Presences") < 3:
            assert not running.done(), running.exception()
            await asyncio.sleep(0.01)
        assert (await client.get(f"http://{HOST}:{port}/api/health")).status_code == 200
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
