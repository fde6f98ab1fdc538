"""What a gateway tells of the nodes behind it, whoever of them, of the brokers or of the wills is late."""

from __future__ import annotations

import msgspec
import pytest

from tonnam_link.messages import Presence
from tonnam_link.receiving.attendance import MAX_PRESENCE_BYTES, Attendance, read_presence
from tonnam_link.topics import Origin

NODE, OTHER = Origin("farm", "edge-1"), Origin("farm", "edge-2")
TRUSTS = ["0123456789abcdef"]


@pytest.fixture
def attendance() -> Attendance:
    return Attendance([NODE, OTHER], Origin("farm", "gateway-1"), now=0.0)


def online(session: str) -> Presence:
    return Presence(session, True, 1, 3, TRUSTS)


def offline(session: str) -> Presence:
    return Presence(session, False, 1, 3, TRUSTS)


def told(attendance: Attendance) -> dict[Origin, bool]:
    """What goes up in the next round."""
    attendance.next_round()
    news = {origin: msgspec.json.decode(payload, type=Presence).online for origin, payload in attendance.to_tell()}
    for origin in news:
        attendance.told(origin)
    return news


def test_node_is_told_once_and_again_when_the_cloud_may_have_forgotten(attendance: Attendance) -> None:
    attendance.hear(NODE, online("a"))
    assert [told(attendance), told(attendance)] == [{NODE: True}, {}]
    attendance.tell_all_again()
    assert told(attendance) == {NODE: True}


def test_what_could_not_be_told_is_told_in_a_later_round(attendance: Attendance) -> None:
    attendance.hear(NODE, online("a"))
    assert [origin for origin, _ in attendance.to_tell()] == [NODE]
    assert told(attendance) == {NODE: True}


def test_all_sessions_of_a_node_are_one_to_the_cloud_and_what_it_trusts_is_told(attendance: Attendance) -> None:
    payloads = []
    for presence in (online("a"), online("b"), offline("b")):
        attendance.hear(NODE, presence)
        payloads += [payload for _, payload in attendance.to_tell()]
    presences = [msgspec.json.decode(payload, type=Presence) for payload in payloads]
    assert {presence.session for presence in presences} == {"via-gateway-1"}
    assert [presence.online for presence in presences] == [True, True, False]
    assert all((presence.keys, presence.trusts) == (3, TRUSTS) for presence in presences)


def test_last_will_of_an_older_session_is_ignored(attendance: Attendance) -> None:
    for session in ("a", "b"):
        attendance.hear(NODE, online(session))
    attendance.hear(NODE, offline("a"))
    assert told(attendance) == {NODE: True}


def test_last_will_of_a_session_that_came_and_went_unheard_counts(attendance: Attendance) -> None:
    attendance.hear(NODE, online("a"))
    attendance.doubt_all(10.0)
    attendance.hear(NODE, offline("b"))
    assert told(attendance) == {NODE: False}


def test_who_stays_silent_after_a_loss_is_offline_and_who_spoke_is_not(attendance: Attendance) -> None:
    for origin in (NODE, OTHER):
        attendance.hear(origin, online("a"))
    attendance.doubt_all(10.0)
    attendance.doubt_all(15.0)
    attendance.hear(NODE, online("b"))
    told(attendance)
    attendance.give_up(9.0, 77)
    assert told(attendance) == {}
    attendance.give_up(10.0, 77)
    assert told(attendance) == {OTHER: False}
    attendance.hear(OTHER, online("b"))
    assert told(attendance) == {OTHER: True}


def test_what_was_told_before_a_loss_is_never_told_again_as_if_it_were_so(attendance: Attendance) -> None:
    attendance.hear(NODE, online("a"))
    attendance.doubt_all(10.0)
    attendance.give_up(10.0, 77)
    attendance.tell_all_again()
    assert told(attendance)[NODE] is False


def test_node_that_was_never_heard_is_offline_unless_its_batches_come(attendance: Attendance) -> None:
    attendance.give_up(60.0, None, spare={OTHER})
    assert told(attendance) == {NODE: False}


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"\xd0",
        b"[" * 4_000,
        b'{"session":"a","online":true}',
        b'{"session":"a\\u0000","online":true,"at_ms":1}',
        b'{"session":"' + 65 * b"a" + b'","online":true,"at_ms":1}',
        b'{"session":"a","online":true,"at_ms":99999999999999999999}',
        b'{"session":"a","online":true,"at_ms":1}' + MAX_PRESENCE_BYTES * b" ",
    ],
)
def test_presence_that_cannot_be_kept_is_none(payload: bytes) -> None:
    assert read_presence(payload) is None
