"""Many who watch: each event is encoded once, and they do not all fetch at the same moment."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import BaseModel

from tests.cloud.scene import until
from tonnam_cloud.live import feed
from tonnam_cloud.live.feed import Feed
from tonnam_cloud.live.hub import Hub

WATCHERS = 200


class Counted(BaseModel):
    """Content that notes how often it was encoded."""

    value: float = 27.5

    def model_dump_json(self, **_: object) -> str:
        encoded.append(self.value)
        return super().model_dump_json()


encoded: list[float] = []


async def test_event_is_encoded_once_however_many_watch() -> None:
    encoded.clear()
    hub = Hub()
    watchers = [hub.join(["demo-farm"]) for _ in range(WATCHERS)]
    hub.tell("demo-farm", "readings", Counted())
    wires = [(await watcher.next(1)).wire for watcher in watchers]
    assert set(wires) == {b'event: readings\ndata: {"value":27.5}\n\n'}
    assert len(encoded) == 1


async def test_steady_refresh_reaches_each_at_its_own_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "REFRESH_S", 0.5)
    hub = Hub()
    watchers = [hub.join(["demo-farm"]) for _ in range(WATCHERS)]
    moments: list[float] = []

    async def watch(place: int) -> None:
        told = await watchers[place].next(10)
        assert told.event == "changed"
        moments.append(asyncio.get_running_loop().time())

    watching = [asyncio.create_task(watch(place)) for place in range(WATCHERS)]
    running = asyncio.create_task(Feed(hub, lambda _heard: None, lambda _ids: None).run())
    await until(lambda: len(moments) == WATCHERS)
    running.cancel()
    await asyncio.gather(*watching)
    assert max(moments) - min(moments) > 0.3
    in_the_first_tenth = sum(moment < min(moments) + 0.05 for moment in moments)
    assert in_the_first_tenth < WATCHERS / 2


async def test_each_watcher_keeps_its_moment_so_that_its_page_is_never_older() -> None:
    hub = Hub()
    turns = [hub.join(["demo-farm"]).turn for _ in range(WATCHERS)]
    assert all(0 <= turn < 1 for turn in turns)
    assert len(set(turns)) == WATCHERS
