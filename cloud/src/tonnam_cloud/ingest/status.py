"""What ingest has done, for the health page and for one line a minute."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass
class IngestStatus:
    """Counts since the start. `waiting_for` says what keeps batches from being stored just now, or is empty."""

    batches: int = 0
    readings: int = 0
    aggregates: int = 0
    events: int = 0
    outcomes: int = 0
    forwards: int = 0
    gaps: int = 0
    quarantined: int = 0
    garbled: int = 0
    busy: int = 0
    replayed: int = 0
    last_stored_ms: int | None = None
    waiting_for: str = ""

    def counts(self) -> dict[str, int]:
        """The counts alone."""
        return {name: count for name, count in asdict(self).items() if name not in {"last_stored_ms", "waiting_for"}}
