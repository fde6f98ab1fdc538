"""The time of a reading from the device's message to the sealed batch, over restarts of the gateway."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.gateway.sent import LEVEL, SENSOR, UP, after, frame, town
from tonnam_gateway.translator import Translator
from tonnam_link.outbox.outbox import Outbox
from tonnam_link.topics import Origin
from tonnam_link.wire.decode import decode

ORIGIN = Origin("demo-town", "gateway-1")
Told = tuple[str, bytes]
Key = tuple[str, int]


def uplink(time: str, rain_mm: float) -> Told:
    return UP, json.dumps({"deduplicationId": time, "time": time, "object": {"rain_total_mm": rain_mm}}).encode()


def sealed(path: Path, *starts: list[Told]) -> list[tuple[Key, float]]:
    """All sealed readings, as often as they are there, when the gateway heard these messages start after start."""
    for number, messages in enumerate(starts):
        outbox, translator = Outbox(path, ORIGIN), Translator(town())
        dictionary = outbox.register(town().specs())
        for topic, payload in messages:
            outbox.accept(translator.translate(topic, payload, after(600 * (number + 1))).frames)
        outbox.seal()
        outbox.close()
    outbox = Outbox(path, ORIGIN)
    seen: list[int] = []
    while (batch := outbox.oldest(but=seen)) is not None:
        seen.append(batch.sequence)
    payloads = [outbox.payload(sequence) for sequence in seen]
    outbox.close()
    columns = [column for one in payloads if one for column in decode(one, {dictionary.hash: dictionary}).columns]
    return [
        ((column.datastream, at), value)
        for column in columns
        for at, value in zip(column.observed_at_ms.tolist(), column.value.tolist(), strict=True)
    ]


@pytest.mark.parametrize("between", [[], [(LEVEL, b'{"level_m": 2, "ts": 1795154500}')]])
def test_message_that_comes_again_after_a_restart_is_the_same_reading(tmp_path: Path, between: list[Told]) -> None:
    kept = (SENSOR, frame("tasmota_sensor.json"))
    once = sealed(tmp_path / "once", [kept])
    again = sealed(tmp_path / "again", [kept], [*between, kept], [kept])
    assert len(once) == 4
    assert {one for one in again if one[0][0] != "town/river-1/river_level"} == set(once)


def test_uplink_that_overtook_another_leaves_it_its_own_time(tmp_path: Path) -> None:
    late, newer = uplink("2026-11-20T06:00:00Z", 1.2), uplink("2026-11-20T06:00:30Z", 1.4)
    rain, at = "town/rain-1/rain_total", 1795154400_000
    expected = {((rain, at), 1.2), ((rain, at + 30_000), 1.4)}
    assert set(sealed(tmp_path / "one", [newer, late])) == expected
    assert set(sealed(tmp_path / "two", [newer], [late])) == expected
