"""The real `tonnam-cloud` with shorter patience, and a store that packs its log often: to be killed in the middle."""

from __future__ import annotations

from tests.faults.hurry import hurry
from tonnam_cloud import main
from tonnam_cloud.store import compaction


def run() -> None:
    """What `tonnam-cloud` does."""
    hurry()
    compaction.START_BATCHES = 64
    main.main()


if __name__ == "__main__":
    run()
