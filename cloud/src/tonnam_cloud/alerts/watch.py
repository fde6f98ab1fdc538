"""Keeps every rule evaluated: as readings arrive, by the clock for missing ones, and from the store after a start."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from tonnam_cloud.alerts import journal, repository
from tonnam_cloud.alerts.journal import Move, Standing
from tonnam_cloud.alerts.machine import Evidence, Phase, Status, advance, judge_above, judge_below
from tonnam_cloud.alerts.rules import Rule
from tonnam_cloud.alerts.silence import Silence
from tonnam_cloud.alerts.subjects import Subject, find_expected, find_subjects
from tonnam_cloud.database import Database
from tonnam_cloud.errors import Transient
from tonnam_cloud.live.bus import Heard
from tonnam_cloud.measures.service import AHEAD_MS
from tonnam_cloud.outage import Outage
from tonnam_cloud.store.port import Store
from tonnam_link.quality import Quality

TICK_S = 10.0
REGISTRY_MS = 60_000
"""So often the registry is asked for new sites and zones, besides when a node describes its site."""
CATCH_UP_MS = 86_400_000
"""A start looks at most so far back."""
MARGIN_MS = 600_000
SAY_AGAIN_MS = 60_000
"""So often the words of open alerts are brought up to date."""

Sample = tuple[int, float | None]
"""When it was observed, and the value where it is good."""


class Watch:
    """All rules over all subjects. One lock: readings and the timer come from different threads.

    `on_change(tenant)` is told when an alert of a tenant began, fired or ended.
    """

    def __init__(
        self,
        database: Database,
        store: Store,
        rules: Sequence[Rule],
        clock_ms: Callable[[], int],
        on_change: Callable[[str], None],
    ) -> None:
        self._database = database
        self._store = store
        self._rules = rules
        self._clock_ms = clock_ms
        self._on_change = on_change
        self._lock = threading.Lock()
        self._subjects: dict[tuple[str, str], Subject] = {}
        self._standing: dict[tuple[str, str], Standing] = {}
        self._silence = Silence(clock_ms())
        self._loaded_ms: int | None = None
        self._said_ms = clock_ms()

    async def run(self) -> None:
        """Evaluate until cancelled."""
        outage = Outage("alerts wait for the database or the store")
        while True:
            try:
                await asyncio.to_thread(self.tick)
                outage.over()
            except Transient as error:
                outage.note(error)
            await asyncio.sleep(TICK_S)

    def tick(self) -> None:
        """Look for new subjects and catch them up, then for data that is missing. Blocks."""
        with self._lock:
            now_ms = self._clock_ms()
            if self._loaded_ms is None or now_ms - self._loaded_ms >= REGISTRY_MS:
                self._load(now_ms)
            newest_of = self._store.latest(self._silence.stale(now_ms), at_ms=now_ms + AHEAD_MS)
            for name, newest in newest_of.items():
                if newest.value is not None and newest.quality is not Quality.CLOCK_SUSPECT:
                    self._silence.heard(name, newest.observed_at_ms)
            self._silence.look(now_ms)
            silent = [subject for subject in self._subjects.values() if subject.rule.kind == "no_data"]
            self._take([self._missing(subject, now_ms) for subject in silent])
            if now_ms - self._said_ms >= SAY_AGAIN_MS:
                self._say_again(now_ms)
                self._said_ms = now_ms

    def hear(self, heard: Sequence[Heard]) -> None:
        """Evaluate what just came over the live bus, but for readings that are not of now. Blocks."""
        with self._lock:
            if any("site.described" in each.stored.events for each in heard):
                self._loaded_ms = None
            now_ms = self._clock_ms()
            samples: dict[str, list[Sample]] = defaultdict(list)
            for each in heard:
                for name, at_ms, value, quality in _flat(each):
                    if at_ms > now_ms + AHEAD_MS or quality == Quality.CLOCK_SUSPECT:
                        continue
                    if value is not None:
                        self._silence.heard(name, at_ms)
                    samples[name].append((at_ms, value if quality == Quality.GOOD else None))
            self._take(self._measured(samples))

    def _load(self, now_ms: int) -> None:
        """Read the registry; close what no rule watches any more; bring what is new up to date from the store."""
        with self._database.reading() as session:
            found = {subject.key: subject for subject in find_subjects(session, self._rules)}
            self._silence.expect(find_expected(session))
            rows = {(row.rule, row.subject): row for row in repository.open_rows(session)}
            orphans = [row.id for key, row in rows.items() if key not in found]
            standing = {
                key: Standing(Status(Phase(row.state), row.since_ms, row.seen_ms), row.id)
                for key, row in rows.items()
            }
        if orphans:
            self._close(orphans, now_ms)
        new = [subject for key, subject in found.items() if key not in self._subjects]
        known = {key: each for key, each in self._standing.items() if key in found}
        self._standing = {key: each for key, each in standing.items() if key in found} | known
        self._take([self._caught_up(subject, now_ms) for subject in new if subject.limit is not None])
        self._subjects = found
        self._loaded_ms = now_ms

    def _close(self, alert_ids: Sequence[str], now_ms: int) -> None:
        with self._database.writing() as session:
            rows = [repository.row(session, alert_id) for alert_id in alert_ids]
            tenants = {row.tenant for row in rows if row is not None}
            for row in rows:
                if row is not None:
                    journal.close(session, row, now_ms)
        for tenant in tenants:
            self._on_change(tenant)

    def _caught_up(self, subject: Subject, now_ms: int) -> Move:
        """What the store's readings say since this subject was last looked at."""
        seen_ms = self._stands(subject).status.seen_ms
        from_ms = max(seen_ms, now_ms - CATCH_UP_MS) if seen_ms else now_ms - 2 * subject.rule.for_ms - MARGIN_MS
        series = self._store.series(subject.id, from_ms, now_ms + 1)
        good = (series.quality == Quality.GOOD) & (series.value == series.value)
        times, values = series.observed_at_ms[good].tolist(), series.value[good].tolist()
        return self._judged(subject, zip(times, values, strict=True))

    def _measured(self, samples: Mapping[str, Sequence[Sample]]) -> list[Move]:
        concerned = [each for each in self._subjects.values() if each.limit is not None and each.id in samples]
        return [self._judged(subject, samples[subject.id]) for subject in concerned]

    def _judged(self, subject: Subject, samples: Iterable[Sample]) -> Move:
        """The move of a threshold through samples in the order of their time."""
        before, newest = self._stands(subject), None
        status = before.status
        for at_ms, value in samples:
            evidence = _judge(subject, value)
            status = advance(status, evidence, at_ms, for_ms=subject.rule.for_ms, gap_ms=subject.gap_ms)
            newest = newest if value is None else value
        return Move(subject, before, status, newest)

    def _missing(self, subject: Subject, now_ms: int) -> Move:
        if subject.rule.scope == "site":
            evidence, since_ms = self._silence.of_site(subject.datastreams, now_ms)
        else:
            evidence, since_ms = self._silence.of_datastream(subject.id, now_ms)
        before = self._stands(subject)
        after = advance(
            before.status,
            evidence,
            now_ms,
            for_ms=subject.rule.for_ms,
            gap_ms=subject.gap_ms,
            since_ms=since_ms,
        )
        return Move(subject, before, after)

    def _say_again(self, now_ms: int) -> None:
        """Drop what is pending on a sensor that went silent; bring the words of what fires up to date."""
        stands = [(subject, self._stands(subject)) for subject in self._subjects.values()]
        self._take(
            [
                Move(subject, each, Status(Phase.CLEAR, each.status.seen_ms, each.status.seen_ms))
                for subject, each in stands
                if each.status.phase is Phase.PENDING and journal.is_silent(subject, each.status, now_ms)
            ]
        )
        firing = [
            Move(subject, each, each.status, self._newest_value(subject, each))
            for subject, each in stands
            if each.status.phase is Phase.FIRING
        ]
        if firing:
            with self._database.writing() as session:
                changed = {each.subject.tenant for each in firing if journal.say_again(session, each, now_ms)}
            for tenant in changed:
                self._on_change(tenant)

    def _newest_value(self, subject: Subject, standing: Standing) -> float | None:
        """The value that was judged last; after a restart from the store."""
        if standing.value is not None or subject.limit is None:
            return standing.value
        seen_ms = standing.status.seen_ms
        values = self._store.series(subject.id, seen_ms, seen_ms + 1).value.tolist()
        return next((value for value in values if value == value), None)

    def _stands(self, subject: Subject) -> Standing:
        return self._standing.get(subject.key, Standing())

    def _take(self, moves: Sequence[Move]) -> None:
        """Write what is news, then remember; nothing is remembered when the database does not take it."""
        news = [move for move in moves if move.is_news]
        written: dict[tuple[str, str], Standing] = {}
        if news:
            with self._database.writing() as session:
                written = {move.subject.key: journal.write(session, move) for move in news}
        for move in moves:
            kept = written.get(move.subject.key, Standing(move.after, move.before.alert_id))
            value = move.before.value if move.value is None else move.value
            self._standing[move.subject.key] = replace(kept, value=value)
        for tenant in {move.subject.tenant for move in news}:
            self._on_change(tenant)


def _flat(heard: Heard) -> Iterable[tuple[str, int, float | None, int]]:
    for sample in heard.stored.readings:
        yield heard.datastream(sample), sample.observed_at_ms, sample.value, sample.quality


def _judge(subject: Subject, value: float | None) -> Evidence:
    assert subject.limit is not None
    judge = judge_above if subject.rule.is_above else judge_below
    return judge(value, subject.limit, subject.rule.hysteresis)
