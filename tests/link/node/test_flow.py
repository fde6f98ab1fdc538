"""When which batch is sent."""

from __future__ import annotations

import pytest

from tonnam_link.messages import Reply, Verdict
from tonnam_link.node.flow import CREDIT_S, FIRST_BACK_S, LIVE_S, RESEND_MAX_S, UNASKED_BACK_S, Flow
from tonnam_link.outbox.sealing import Sealed
from tonnam_link.topics import Channel
from tonnam_link.wire.codec import Kind


def readings(sequence: int) -> Sealed:
    return Sealed(sequence, Kind.READINGS, "d1", 10, 100)


def reply(sequence: int, verdict: Verdict = Verdict.STORED, *, credit: int = 0, retry_s: float = 0.0) -> Reply:
    return Reply(1, sequence, verdict, 0, credit, retry_s)


def sent(flow: Flow, now: float) -> list[tuple[int, Channel]]:
    return [(flight.sealed.sequence, flight.channel) for flight in flow.to_send(now)]


@pytest.fixture
def flow() -> Flow:
    """A flow without chance: jitter is always the shortest."""
    flow = Flow(jitter=lambda shortest, _longest: shortest)
    flow.connected(0.0)
    return flow


def test_at_most_four_batches_are_unanswered(flow: Flow) -> None:
    flow.offer([readings(n) for n in range(1, 8)], 0.0)
    assert [number for number, _ in sent(flow, 0.0)] == [1, 2, 3, 4]
    assert sent(flow, 0.1) == []
    flow.answered(reply(2), 0.2)
    assert sent(flow, 0.2) == [(5, Channel.UP)]


def test_unanswered_batch_is_sent_again_after_5_s_then_10_then_20_up_to_5_minutes(flow: Flow) -> None:
    flow.send_back(readings(1), 0.0)
    times: list[float] = []
    now = 0.0
    while len(times) < 8:
        now = flow.next_at(now)
        times += [now] * len(flow.to_send(now))
    assert [after - before for before, after in zip([0.0, *times], times, strict=False)] == [
        5.0, 10.0, 20.0, 40.0, 80.0, 160.0, RESEND_MAX_S, RESEND_MAX_S,
    ]  # fmt: skip


def test_slow_link_is_given_four_round_trips(flow: Flow) -> None:
    flow.offer([readings(1)], 0.0)
    sent(flow, 0.0)
    flow.answered(reply(1), 4.0)
    flow.offer([readings(2)], 10.0)
    sent(flow, 10.0)
    assert sent(flow, 25.9) == []
    assert sent(flow, 26.0) == [(2, Channel.UP)]


def test_window_is_halved_by_a_time_out_and_grows_with_replies(flow: Flow) -> None:
    flow.offer([readings(n) for n in range(1, 5)], 0.0)
    sent(flow, 0.0)
    flow.answered(reply(1), 0.1)
    flow.answered(reply(2), 0.1)
    sent(flow, 6.0)
    assert flow.window == 1
    flow.answered(reply(3), 6.1)
    flow.answered(reply(4), 6.1)
    assert flow.window == 3


def test_what_is_not_answered_within_two_minutes_becomes_backlog(flow: Flow) -> None:
    flow.offer([readings(1)], 0.0)
    sent(flow, 0.0)
    flow.offer([readings(2)], LIVE_S)
    assert flow.busy_with == {1, 2}
    assert sent(flow, LIVE_S + 1) == [(2, Channel.UP)]
    assert flow.busy_with == {2}


def test_outcomes_never_age_and_have_a_window_of_their_own(flow: Flow) -> None:
    flow.offer([readings(n) for n in range(1, 6)], 0.0)
    flow.offer([Sealed(9, Kind.OUTCOMES, None, 0, 50)], 0.0)
    assert (9, Channel.OUTCOME) in sent(flow, 0.0)
    late = Flow()
    late.offer([Sealed(9, Kind.OUTCOMES, None, 0, 50)], 0.0)
    late.offer([readings(10)], LIVE_S * 10)
    assert sent(late, LIVE_S * 10) == [(9, Channel.OUTCOME), (10, Channel.UP)]


def test_outcomes_that_are_passed_on_are_outcomes(flow: Flow) -> None:
    flow.offer([Sealed(1, Kind.FORWARD, None, 0, 50, Kind.OUTCOMES), Sealed(2, Kind.FORWARD, "d1", 0, 50)], 0.0)
    assert sent(flow, 0.0) == [(1, Channel.OUTCOME), (2, Channel.UP)]
    assert sent(flow, LIVE_S + 1) == [(1, Channel.OUTCOME)]


def test_backlog_goes_one_at_a_time_and_only_on_credit(flow: Flow) -> None:
    assert flow.wants_backlog(0.0)  # the first after a connect needs none: it would have no way to ask
    flow.send_back(readings(1), 0.0)
    assert not flow.wants_backlog(1.0)
    flow.answered(reply(1, credit=0), 1.0)
    assert not flow.wants_backlog(1.1)
    flow.answered(reply(77, credit=1), 1.2)
    assert flow.wants_backlog(1.2)
    flow.send_back(readings(2), 1.2)
    flow.answered(reply(77, credit=1), 1.3)
    assert not flow.wants_backlog(1.3)
    flow.answered(reply(2, credit=1), 1.4)
    assert flow.wants_backlog(1.4)


def test_backlog_without_credit_asks_again_after_a_while(flow: Flow) -> None:
    flow.send_back(readings(1), 0.0)
    flow.answered(reply(1, credit=0), 1.0)
    assert flow.wants_backlog(UNASKED_BACK_S)


def test_backlog_that_comes_when_there_was_none_goes_soon(flow: Flow) -> None:
    flow.no_backlog(0.0)
    assert not flow.wants_backlog(1.0)
    flow.backlog_came(1.0)
    assert flow.wants_backlog(1.0)
    flow.send_back(readings(1), 1.0)
    flow.answered(reply(1, credit=0), 1.1)
    flow.backlog_came(1.2)
    assert not flow.wants_backlog(1.2), "it waits for its turn already"


def test_busy_receiver_is_left_alone_for_as_long_as_it_asks(flow: Flow) -> None:
    flow.offer([readings(1)], 0.0)
    sent(flow, 0.0)
    flow.answered(reply(1, Verdict.BUSY, retry_s=30.0), 0.1)
    assert sent(flow, 30.0) == []
    assert sent(flow, 30.1) == [(1, Channel.UP)]
    assert flow.window == 4


def test_missing_dictionary_goes_first_and_then_the_batches_that_wait_for_it(flow: Flow) -> None:
    flow.offer([readings(n) for n in range(1, 5)], 0.0)
    sent(flow, 0.0)
    assert flow.answered(reply(1, Verdict.NEED_DICTIONARY), 0.1) == "d1"
    assert flow.answered(reply(2, Verdict.NEED_DICTIONARY), 0.1) is None
    flow.offer_dictionary(Sealed(9, Kind.DICTIONARY, "d1", 0, 50), 0.1)
    assert sent(flow, 0.1) == [(9, Channel.UP)]
    flow.answered(reply(9), 0.2)
    assert sent(flow, 0.2) == [(1, Channel.UP), (2, Channel.UP)]


def test_dictionary_of_a_node_behind_lets_its_batches_go(flow: Flow) -> None:
    flow.offer([Sealed(n, Kind.FORWARD, "d1", 0, 50, Kind.READINGS) for n in range(1, 6)], 0.0)
    sent(flow, 0.0)
    assert flow.answered(reply(1, Verdict.NEED_DICTIONARY), 0.1) == "d1"
    flow.offer_dictionary(Sealed(9, Kind.FORWARD, "d1", 0, 50, Kind.DICTIONARY), 0.1)
    assert sent(flow, 0.1) == [(9, Channel.UP)], "the window is full, and it goes all the same"
    flow.answered(reply(9), 0.2)
    assert sent(flow, 0.2) == [(1, Channel.UP)]


def test_busy_store_is_asked_ever_less(flow: Flow) -> None:
    flow.offer([readings(1)], 0.0)
    times: list[float] = []
    for now in range(100):
        for _ in sent(flow, now):
            times.append(now)
            flow.answered(reply(1, Verdict.BUSY, retry_s=5.0), now)
    assert times == [0, 5, 10, 20, 40, 80]


def test_stored_batch_frees_those_of_its_kind_that_were_refused(flow: Flow) -> None:
    flow.offer([readings(1), Sealed(2, Kind.EVENTS, None, 0, 50), readings(3)], 0.0)
    sent(flow, 0.0)
    for number in (1, 2):
        flow.answered(reply(number, Verdict.BUSY, retry_s=60.0), 0.1)
    flow.answered(reply(3), 0.2)
    assert sent(flow, 0.2) == [(1, Channel.UP)], "the store takes readings; of events nobody knows"


def test_batch_that_is_never_taken_does_not_hold_up_the_backlog_behind_it(flow: Flow) -> None:
    flow.send_back(readings(1), 0.0)
    flow.answered(reply(1, Verdict.BUSY, retry_s=5.0), 0.1)
    for number, now in ((11, 1.0), (12, 2.0)):
        assert not flow.wants_backlog(now)
        flow.offer([readings(number)], now)
        sent(flow, now)
        flow.answered(reply(number), now + 0.1)
        assert (1, Channel.BACK) in sent(flow, now + 0.2), "the receiver takes readings: perhaps also this one"
        flow.answered(reply(1, Verdict.BUSY, retry_s=5.0), now + 0.3)
    assert flow.wants_backlog(UNASKED_BACK_S + 30.0)
    flow.send_back(readings(2), 50.0)
    assert not flow.wants_backlog(100.0), "one at a time"
    flow.answered(reply(2, credit=1), 101.0)
    assert flow.wants_backlog(101.0)
    assert sent(flow, 101.0) == [(1, Channel.BACK)], "it is not forgotten"


def test_receiver_that_takes_nothing_is_not_given_ever_more(flow: Flow) -> None:
    flow.send_back(readings(1), 0.0)
    for now in range(0, 3600, 5):
        for number, _ in sent(flow, now):
            flow.answered(reply(number, Verdict.BUSY, retry_s=5.0), now)
    assert not flow.wants_backlog(3600.0)


def test_batch_whose_dictionary_nobody_has_does_not_hold_up_the_others(flow: Flow) -> None:
    flow.send_back(readings(1), 0.0)
    times: list[float] = [0.0]
    while times[-1] < 300.0:
        flow.answered(reply(1, Verdict.NEED_DICTIONARY), times[-1])
        times.append(flow.next_at(times[-1]) if not flow.wants_backlog(times[-1]) else times[-1] + 80.0)
        sent(flow, times[-1])
    assert times[:3] == [0.0, 5.0, 10.0]
    assert flow.wants_backlog(300.0)


def test_outcome_that_is_never_taken_does_not_hold_up_the_others(flow: Flow) -> None:
    flow.offer([Sealed(n, Kind.OUTCOMES, None, 0, 50) for n in range(1, 9)], 0.0)
    for now in range(100):
        for number, _ in sent(flow, now):
            verdict = Verdict.BUSY if number < 4 else Verdict.STORED
            flow.answered(reply(number, verdict, retry_s=5.0), now)
    assert flow.busy_with == {1, 2, 3}


def test_credit_runs_out(flow: Flow) -> None:
    flow.send_back(readings(1), 0.0)
    flow.answered(reply(1, credit=1), 1.0)
    assert flow.wants_backlog(1.0 + CREDIT_S / 2)
    assert not flow.wants_backlog(1.0 + CREDIT_S)


def test_large_backlog_goes_again_a_little_after_a_new_connection_and_live_at_once() -> None:
    flow = Flow(jitter=lambda _shortest, longest: longest)
    flow.send_back(readings(1), 0.0)
    flow.offer([readings(2)], 0.0)
    sent(flow, 0.0)
    flow.connected(1.0)
    assert sent(flow, 1.0) == [(2, Channel.UP)]
    assert sent(flow, 1.0 + FIRST_BACK_S) == [(1, Channel.BACK)]


def test_line_that_is_slow_is_given_the_time_that_all_under_way_needs(flow: Flow) -> None:
    flow.send_back(Sealed(1, Kind.READINGS, "d1", 16_384, 30_000), 0.0)
    flow.offer([readings(2)], 0.0)
    sent(flow, 0.0)
    assert flow.next_at(0.0) == pytest.approx(20.0, abs=0.1)
    flow.answered(reply(1), 0.5)
    flow.offer([readings(3)], 1.0)
    sent(flow, 1.0)
    flow.answered(reply(2), 1.1)
    assert flow.next_at(1.1) == 6.0, "now it is known to be quick"


def test_round_trip_that_nobody_could_measure_is_waited_for_as_long_as_the_last(flow: Flow) -> None:
    flow.send_back(readings(1), 0.0)
    assert sent(flow, 5.0) == sent(flow, 15.0) == [(1, Channel.BACK)]
    flow.answered(reply(1), 16.0)
    flow.send_back(readings(2), 100.0)
    assert flow.next_at(100.0) == 120.0, "as long as the first had to wait: nobody knows which sending was answered"
    flow.answered(reply(2), 116.0)
    flow.send_back(readings(3), 200.0)
    assert flow.next_at(200.0) == 200.0 + 4 * 16.0


def test_receiver_that_never_keeps_the_dictionary_is_not_flooded_with_it(flow: Flow) -> None:
    flow.offer([readings(1)], 0.0)
    asked, now = 0, 0.0
    while now < 60.0:
        for number, _ in sent(flow, now):
            wanted = flow.answered(reply(number, Verdict.NEED_DICTIONARY), now)
            asked += wanted is not None
        now += 0.1
    assert 2 < asked < 15


def test_new_connection_sends_what_is_unanswered_again_at_once(flow: Flow) -> None:
    flow.offer([readings(1)], 0.0)
    sent(flow, 0.0)
    flow.connected(1.0)
    assert sent(flow, 1.0) == [(1, Channel.UP)]


def test_reply_hurries_what_timed_out_before(flow: Flow) -> None:
    flow.send_back(readings(1), 0.0)
    for now in (5.0, 15.0, 35.0):
        assert sent(flow, now) == [(1, Channel.BACK)]
    flow.answered(reply(77), 40.0)
    assert sent(flow, 40.0) == [(1, Channel.BACK)]


def test_batch_in_both_lanes_is_sent_once(flow: Flow) -> None:
    flow.send_back(readings(1), 0.0)
    flow.offer([readings(1)], 0.0)
    assert sent(flow, 0.0) == []


def test_sender_sleeps_while_all_it_may_send_is_unanswered(flow: Flow) -> None:
    flow.offer([Sealed(n, Kind.OUTCOMES, None, 0, 50) for n in range(1, 9)], 0.0)
    flow.no_backlog(0.0)
    assert len(sent(flow, 0.0)) == 4
    assert flow.next_at(0.0) == 5.0
