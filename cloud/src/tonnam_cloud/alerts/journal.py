"""Writes the moves of alerts into the database, with the words that people read."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from tonnam_cloud.alerts import repository
from tonnam_cloud.alerts.machine import Phase, Status
from tonnam_cloud.alerts.models import AlertRow
from tonnam_cloud.alerts.subjects import Subject
from tonnam_cloud.times import clock_time, utc
from tonnam_cloud.words import Words

MINUTE_MS = 60_000
UNKNOWN_SINCE = Words(
    th="ไม่รู้ค่าตั้งแต่ {time} น. เพราะเครื่องวัดไม่ส่งค่าที่เชื่อได้มาอีก ให้ไปดูด้วยตา ค่าก่อนหน้านั้น: {text}",
    en="Not known since {time}: no good value has come. Go and look. Before that: {text}",
)
"""Before the text of a threshold whose sensor went silent. The alert stays: a dead sensor does not fill a tank."""


@dataclass(frozen=True)
class Standing:
    """Where a rule stands for a subject, the row that says so while it is open, and the newest value if known."""

    status: Status = field(default_factory=Status)
    alert_id: str | None = None
    value: float | None = None


@dataclass(frozen=True)
class Move:
    """One subject that goes from one standing to the next status; `value` is the newest that was judged."""

    subject: Subject
    before: Standing
    after: Status
    value: float | None = None

    @property
    def is_news(self) -> bool:
        """Whether the database has to hear of it: mere further evidence is kept in memory."""
        was = self.before.status
        moved = (self.after.phase, self.after.since_ms) != (was.phase, was.since_ms)
        return moved and (self.before.alert_id is not None or self.after.phase is not Phase.CLEAR)


def write(session: Session, move: Move) -> Standing:
    """Bring the row of a subject to its new status, and say where it stands then."""
    row = repository.row(session, move.before.alert_id) if move.before.alert_id else None
    if move.after.phase is Phase.CLEAR:
        if row is not None:
            close(session, row, move.after.since_ms)
        return Standing(move.after)
    if row is None:
        row = _opened(move.subject)
        session.add(row)
    row.state = move.after.phase.value
    row.severity = move.subject.rule.severity
    row.since_ms, row.seen_ms = move.after.since_ms, move.after.seen_ms
    _say(row, move)
    return Standing(move.after, row.id)


def _opened(subject: Subject) -> AlertRow:
    return AlertRow(
        id=uuid.uuid4().hex,
        rule=subject.rule.id,
        subject=subject.id,
        tenant=subject.tenant,
        site=subject.site,
        datastream=subject.datastream,
    )


def close(session: Session, row: AlertRow, at_ms: int) -> None:
    """End an alert: what fired is resolved and stays; what was only pending was nothing."""
    if row.state == Phase.PENDING:
        repository.remove(session, row.id)
    else:
        row.state, row.resolved_ms, row.seen_ms = "resolved", at_ms, at_ms


def say_again(session: Session, move: Move, now_ms: int) -> bool:
    """Bring the words of an open alert up to date: value, minutes, and since when nothing is known any more."""
    row = repository.row(session, move.before.alert_id) if move.before.alert_id else None
    if row is None:
        return False
    before = row.title, row.text
    row.seen_ms = move.after.seen_ms
    _say(row, move)
    if is_silent(move.subject, move.after, now_ms):
        time, text = clock_time(utc(move.after.seen_ms), utc(now_ms)), Words.model_validate(row.text)
        row.text = UNKNOWN_SINCE.filled(time=time, text=text).model_dump()
    return (row.title, row.text) != before


def is_silent(subject: Subject, status: Status, now_ms: int) -> bool:
    """Whether a threshold has had no evidence for so long that nothing is known any more."""
    return now_ms - status.seen_ms > subject.gap_ms


def _say(row: AlertRow, move: Move) -> None:
    subject = move.subject
    lasted_ms = max(move.after.seen_ms - move.after.since_ms, subject.rule.for_ms)
    filling = {
        "place": subject.place,
        "site": subject.site_name,
        "unit": subject.unit,
        "value": _number(move.value),
        "limit": _number(subject.limit),
        "minutes": max(1, round(lasted_ms / MINUTE_MS)),
    }
    row.title = subject.rule.title.filled(**filling).model_dump()
    row.text = subject.rule.text.filled(**filling).model_dump()


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")
