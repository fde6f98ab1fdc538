"""What a receiver takes next, what it forgets, and whom it lets send backlog."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from tonnam_link.messages import Verdict
from tonnam_link.receiving.lanes import GARBLED_A_NODE, GARBLED_NODES, SAME_AGAIN_S, Received
from tonnam_link.receiving.reception import (
    BACK_A_GROUP,
    BACK_BUDGET,
    GRANT_S,
    LIVE_A_GROUP,
    LIVE_WAITING_BYTES,
    SLOW_S,
    Answer,
    Reception,
    Response,
)
from tonnam_link.topics import Channel, Origin
from tonnam_link.wire.codec import checksum

STORED = Answer(Verdict.STORED)
ALONE = Origin("farm", "edge-1")


def origin(number: int) -> Origin:
    return Origin("farm", f"n-{number}")


def batch(of: Origin = ALONE, sequence: int = 1, channel: Channel = Channel.UP, size: int = 10) -> Received:
    """An intact batch with a body of `size` bytes."""
    array = msgspec.msgpack.encode([7, sequence, 1, None, False, bytes(size)])
    return Received(of.tenant, of.node, channel, b"\x02" + checksum(of, b"\x02", array) + array, 0)


def back(number: int, sequence: int = 1) -> Received:
    return batch(origin(number), sequence, Channel.BACK)


@pytest.fixture
def reception() -> Reception:
    return Reception()


def arrive(reception: Reception, *batches: Received, now: float = 0.0) -> list[Response]:
    return [response for received in batches for response in reception.arrive(received, now)]


def commit(
    reception: Reception, now: float = 0.0, answer: Answer = STORED, took_s: float = 0.2
) -> tuple[list[Received], list[Response]]:
    """One group, all of it answered alike; and what the nodes are told."""
    group = reception.take()
    return group, list(reception.settle([answer] * len(group), took_s, now))


def credited(responses: list[Response]) -> set[Origin]:
    return {response.origin for response in responses if response.back_credit}


def test_garbled_bytes_are_forgotten_until_the_very_same_come_again_after_a_while(reception: Reception) -> None:
    good = batch().payload
    bad = Received("farm", "edge-1", Channel.UP, good[:-1] + bytes([good[-1] ^ 1]), 0)
    assert reception.judge(bad, 0.0) is None
    assert reception.judge(bad, SAME_AGAIN_S / 2) is None, "a broker may have delivered it twice"
    assert reception.judge(batch(), 3.0) is False
    assert reception.judge(bad, 6.0) is True
    assert reception.counts.garbled == 2


def test_batch_under_a_name_that_did_not_seal_it_is_garbled(reception: Reception) -> None:
    stranger = Received("farm", "edge-2", Channel.UP, batch().payload, 0)
    assert reception.judge(stranger, 0.0) is None
    assert reception.judge(stranger, 6.0) is True


def nonsense(of: Origin, number: int) -> Received:
    return Received(of.tenant, of.node, Channel.UP, b"\x02" + number.to_bytes(9, "big"), 0)


def test_memory_of_garbled_bytes_is_bounded(reception: Reception) -> None:
    bad = [nonsense(ALONE, number) for number in range(GARBLED_A_NODE + 1)]
    assert {reception.judge(each, 0.0) for each in bad} == {None}
    assert reception.judge(bad[-1], 6.0) is True
    assert reception.judge(bad[0], 6.0) is None, "the first made way for the last"
    others = [nonsense(origin(number), 0) for number in range(GARBLED_NODES)]
    assert {reception.judge(each, 7.0) for each in others} == {None}
    assert reception.judge(bad[-1], 9.0) is None, "so did the first node"


def test_node_that_sends_nonsense_takes_no_other_its_second_chance(reception: Reception) -> None:
    assert reception.judge(nonsense(origin(1), 0), 0.0) is None
    for number in range(10_000):
        reception.judge(nonsense(ALONE, number), 1.0)
    assert reception.judge(nonsense(origin(1), 0), 6.0) is True


def test_garbled_batch_is_answered_once_from_the_owner_and_then_from_memory(reception: Reception) -> None:
    bad = Received("farm", "edge-1", Channel.UP, b"\x02nonsense", 0, garbled=True)
    arrive(reception, bad)
    assert commit(reception, answer=Answer(Verdict.QUARANTINED, "garbled"))[0] == [bad]
    assert [response.answer.reason for response in arrive(reception, bad)] == ["garbled"]


def test_chatty_node_does_not_hold_up_the_others(reception: Reception) -> None:
    arrive(reception, *(batch(ALONE, n) for n in range(1, 500)))
    arrive(reception, *(batch(origin(n)) for n in range(20)))
    group = reception.take()
    assert len(group) == LIVE_A_GROUP
    assert {received.origin for received in group} == {ALONE, *(origin(n) for n in range(20))}


def test_chatty_node_does_not_push_out_what_others_sent(reception: Reception) -> None:
    arrive(reception, *(batch(origin(n), size=1000) for n in range(20)))
    flood = [batch(ALONE, n, size=100_000) for n in range(1, 2 * LIVE_WAITING_BYTES // 100_000)]
    arrive(reception, *flood)
    arrive(reception, *(batch(origin(n), 2, size=1000) for n in range(20)))
    waiting = Counter[Origin]()
    while group := reception.take():
        waiting.update(received.origin for received in group)
        reception.settle([STORED] * len(group), 0.0, 0.0)
    assert [waiting[origin(n)] for n in range(20)] == [2] * 20
    assert 100 < waiting[ALONE] < len(flood)
    assert reception.counts.dropped == len(flood) - waiting[ALONE]


def test_live_goes_before_backlog_and_backlog_still_gets_its_share(reception: Reception) -> None:
    arrive(reception, back(1), *(batch(ALONE, n) for n in range(1, 2 * LIVE_A_GROUP)))
    group = reception.take()
    assert [received.channel for received in group] == [Channel.UP] * LIVE_A_GROUP + [Channel.BACK]


def test_batch_sent_again_while_it_waits_or_is_being_committed_is_committed_once(reception: Reception) -> None:
    arrive(reception, batch(), batch(), batch(channel=Channel.BACK))
    group = reception.take()
    assert len(group) == 1
    arrive(reception, batch())
    reception.settle([STORED], 0.0, 0.0)
    assert reception.take() == []
    assert reception.counts.repeated == 3


def test_batch_whose_answer_was_lost_is_answered_without_another_commit(reception: Reception) -> None:
    arrive(reception, back(1))
    commit(reception)
    (again,) = arrive(reception, back(1))
    assert (again.answer, again.identity) == (STORED, (7, 1))
    assert reception.take() == []


@pytest.mark.parametrize("verdict", [Verdict.BUSY, Verdict.NEED_DICTIONARY])
def test_batch_that_was_not_released_is_committed_when_it_comes_again(reception: Reception, verdict: Verdict) -> None:
    arrive(reception, back(1))
    _, told = commit(reception, answer=Answer(verdict))
    assert credited(told) == set(), "it has one under way already"
    assert arrive(reception, back(1)) == []
    assert reception.take() == [back(1)]


def test_one_node_alone_gets_credit_with_each_reply(reception: Reception) -> None:
    for sequence in range(1, 5):
        arrive(reception, back(1, sequence))
        assert credited(commit(reception)[1]) == {origin(1)}


def test_node_without_backlog_gets_no_credit(reception: Reception) -> None:
    arrive(reception, batch())
    assert credited(commit(reception)[1]) == set()


def test_credit_stays_in_every_reply_until_it_is_used_or_has_run_out(reception: Reception) -> None:
    arrive(reception, back(1))
    commit(reception)
    arrive(reception, batch(origin(1), 2))
    assert credited(commit(reception, now=GRANT_S / 2)[1]) == {origin(1)}
    arrive(reception, batch(origin(1), 3))
    assert credited(commit(reception, now=GRANT_S * 2)[1]) == set()


def test_one_budget_of_credit_goes_round_among_all_nodes(reception: Reception) -> None:
    """Of forty nodes all get their second turn before any gets its third."""
    arrive(reception, *(back(n) for n in range(40)))
    turns: list[Origin] = []
    sequence, now = 1, 0.0
    under_way: set[Origin] = set()
    while len(turns) < 120:
        now += 0.05
        group, told = commit(reception, now)
        turns += [received.origin for received in group]
        under_way |= credited(told)
        assert len(under_way) <= BACK_BUDGET
        sequence += 1
        arrive(reception, *(batch(who, sequence, Channel.BACK) for who in sorted(under_way)), now=now)
        under_way.clear()
    assert set(Counter(turns[:80]).values()) == {2}
    assert set(Counter(turns[:120]).values()) == {3}


def test_credit_that_nobody_uses_goes_to_those_who_wait(reception: Reception) -> None:
    arrive(reception, *(back(n) for n in range(BACK_BUDGET + 5)))
    granted: set[Origin] = set()
    while (told := commit(reception))[0]:
        granted |= credited(told[1])
    assert len(granted) == BACK_BUDGET
    assert reception.grant(GRANT_S / 2) == []
    assert reception.next_grant_at() == GRANT_S
    late = reception.grant(GRANT_S)
    assert len(late) == 5
    assert credited(late).isdisjoint(granted)
    assert {response.answer for response in late} == {STORED}, "their last answer once more"


def test_backlog_in_a_group_follows_from_how_long_commits_take(reception: Reception) -> None:
    sizes: list[int] = []
    for took_s in [0.01] * 12 + [SLOW_S * 2] * 4:
        arrive(reception, *(back(n, len(sizes) + 1) for n in range(2 * BACK_A_GROUP)))
        sizes.append(len(commit(reception, took_s=took_s)[0]))
    assert sizes[:3] == [1, 2, 3]
    assert max(sizes) == BACK_A_GROUP
    assert sizes[-1] == 1


def test_backlog_that_does_not_fit_is_put_off_and_not_lost(reception: Reception) -> None:
    told = arrive(reception, *(back(1, sequence) for sequence in range(1, 5)))
    assert [response.answer.verdict for response in told] == [Verdict.BUSY] * 2
    assert min(response.answer.retry_s for response in told) >= 5.0
    assert reception.counts.put_off == 2


def test_forgotten_answers_are_asked_of_the_owner_again(reception: Reception) -> None:
    arrive(reception, batch())
    commit(reception)
    reception.forget()
    assert arrive(reception, batch()) == []
    assert reception.take() == [batch()]


def test_bytes_without_epoch_and_sequence_are_judged_and_not_answered(reception: Reception) -> None:
    arrive(reception, Received("farm", "edge-1", Channel.UP, b"\x02", 0, garbled=True))
    _, (told,) = commit(reception, answer=Answer(Verdict.QUARANTINED, "nonsense"))
    assert told.identity is None
