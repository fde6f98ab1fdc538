"""What a node takes for a command, and what never gets past the link."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.link.harness import START_MS
from tonnam_link.commands.checking import MAX_COMMAND_BYTES, read_command
from tonnam_link.errors import Rejected
from tonnam_link.messages import Command, CommandAction

DAY_MS = 86_400_000
GOOD: dict[str, Any] = {
    "id": "c-1",
    "action": "water",
    "zone": "zone-1",
    "issued_at_ms": START_MS,
    "expires_at_ms": START_MS + 60_000,
    "max_run_s": 600,
}


def told(**changed: object) -> bytes:
    return msgspec.json.encode(GOOD | changed)


@pytest.mark.parametrize(
    "changed", [{}, {"max_run_s": 0}, {"max_run_s": 86_400}, {"id": "f" * 64}, {"expires_at_ms": START_MS + DAY_MS}]
)
def test_what_a_cloud_sends_is_a_command(changed: dict[str, object]) -> None:
    expected = GOOD | changed | {"action": CommandAction.WATER}
    assert read_command(told(**changed)) == Command(**expected)


@pytest.mark.parametrize(
    "changed",
    [
        {"action": "clear", "zone": "", "latch": "5f-1", "who": "somchai"},
        {"action": "clear", "zone": "zone-1", "latch": "5f-1", "who": "สมชาย"},
        {"action": "lock", "zone": "", "who": "สมชาย", "why": "ขุดท่อแปลง 1"},
        {"action": "lock", "zone": "zone-1", "who": "s" * 64, "why": "y" * 200},
    ],
)
def test_latches_and_lock_outs_may_be_of_the_whole_site(changed: dict[str, object]) -> None:
    command = read_command(told(**changed))
    assert {key: getattr(command, key) for key in changed} == changed


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (told(max_run_s=86_401), "max_run_s"),
        (told(max_run_s=-1), "max_run_s"),
        (told(max_run_s=60).replace(b":60}", b":1" + b"0" * 400 + b"}"), "max_run_s"),
        (told(max_run_s=1e300), "max_run_s"),
        (told(id=""), "id"),
        (told(id="x" * 65), "id"),
        (told(id="c-1\n"), "id"),
        (told(id="../c"), "id"),
        (told(zone="Zone 1"), "zone"),
        (told(zone="zone-1\n"), "zone"),
        (told(action="flood"), "action"),
        (told(zone=""), "zone"),
        (told(zone="", action="stop"), "zone"),
        (told(action="clear", who="somchai"), "latch"),
        (told(action="clear", latch="l/1", who="somchai"), "latch"),
        (told(action="clear", latch="l" * 65, who="somchai"), "latch"),
        (told(action="clear", latch="l-1"), "who"),
        (told(action="lock", who=" ", why="digging"), "who"),
        (told(action="lock", who="somchai"), "why"),
        (told(action="lock", who="somchai", why="two\nlines"), "why"),
        (told(action="lock", who="w" * 65, why="digging"), "who"),
        (told(action="lock", who="somchai", why="y" * 201), "why"),
        (told(issued_at_ms=-1), "issued_at_ms"),
        (told(expires_at_ms=9_000_000_000_000_000), "expires_at_ms"),
        (told(expires_at_ms=START_MS + DAY_MS + 1), "life"),
        (told(expires_at_ms=START_MS - 1), "life"),
        (told(more="x" * MAX_COMMAND_BYTES), "size"),
        (b"[" * 100_000, "size"),
        (b"[" * 4_000, "object"),
        (b"{}", "object"),
        (b"{", "json"),
        (b'{"id":"\xff"}', "json"),
    ],
)
def test_what_is_absurd_is_no_command(payload: bytes, kind: str) -> None:
    with pytest.raises(Rejected) as caught:
        read_command(payload)
    assert caught.value.reason.partition(":")[0] == kind


@given(st.dictionaries(st.sampled_from([*GOOD, "more"]), st.none() | st.text() | st.integers() | st.floats()))
@settings(max_examples=150, deadline=None)
def test_arbitrary_fields_are_rejected_or_within_their_bounds(changed: dict[str, object]) -> None:
    try:
        command = read_command(told(**changed))
    except Rejected:
        return
    assert 0 <= command.max_run_s <= 86_400
    assert 0 <= command.expires_at_ms - command.issued_at_ms <= DAY_MS
    assert len(command.id) <= 64
