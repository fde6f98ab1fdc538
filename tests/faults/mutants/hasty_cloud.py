"""A cloud that says `stored` before its disk does: the store keeps batches in memory for a while."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tests.faults.cloud import run
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_cloud.store.port import ReadingBatch, Refused

HELD_S = 3.0


class HastyStore(EmbeddedStore):
    """Appends only now and then what it was given."""

    _held: list[ReadingBatch] = []  # noqa: RUF012 - there is one store in a process
    _since = 0.0

    def append(self, batches: Sequence[ReadingBatch]) -> Sequence[Refused]:
        self._held.extend(batches)
        return []

    def maintain(self, budget_s: float = 0.05) -> bool:
        if time.monotonic() - self._since > HELD_S:
            self._since = time.monotonic()
            held, self._held[:] = list(self._held), []
            super().append(held)
        return super().maintain(budget_s)

    def close(self) -> None:
        super().append(self._held)
        super().close()


if __name__ == "__main__":
    from tonnam_cloud.store import choice

    assert choice.EmbeddedStore is EmbeddedStore  # type: ignore[attr-defined]
    choice.EmbeddedStore = HastyStore  # type: ignore[attr-defined]
    run()
