"""What ingest has done, for the health page and for one line a minute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields


@dataclass
class IngestStatus:
    """Counts since the start. `no_store` and `no_database` say why batches wait for them just now, or are empty.

    `link` tells what the receiver has counted before ingest saw any of it.
    """

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
    no_store: str = ""
    no_database: str = ""
    link: Callable[[], Mapping[str, int]] = field(default=dict)

    @property
    def waiting_for(self) -> str:
        """What keeps batches from being stored just now, or nothing."""
        return self.no_store or self.no_database

    def counts(self) -> dict[str, int]:
        """The counts alone."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.type == "int"}
