"""How fast the quarantine takes what a node sends, so that none can fill the disk or keep ingest busy. Pure."""

from __future__ import annotations

from tonnam_link.topics import Origin

BURST = 60
A_SECOND = 1.0
BURST_BYTES = 4 * 1024 * 1024
BYTES_A_SECOND = 64 * 1024
NODES = 10_000


class Allowance:
    """What each node may still put into quarantine: so much at once, and then so much a second.

    Times are seconds of one monotonic clock, passed in.
    """

    def __init__(self) -> None:
        self._nodes: dict[Origin, tuple[float, float, float]] = {}  # batches, bytes, and when that was

    def wait_s(self, origin: Origin, now: float) -> float:
        """In how many seconds the node may again; 0 when it may now."""
        batches, size = self._left(origin, now)
        return max(0.0, (1 - batches) / A_SECOND, -size / BYTES_A_SECOND)

    def spend(self, origin: Origin, size: int, now: float) -> None:
        """The node has put in a batch of so many bytes."""
        batches, left = self._left(origin, now)
        self._nodes.pop(origin, None)
        self._nodes[origin] = (batches - 1, left - size, now)
        while len(self._nodes) > NODES:
            del self._nodes[next(iter(self._nodes))]

    def _left(self, origin: Origin, now: float) -> tuple[float, float]:
        batches, size, at = self._nodes.get(origin, (BURST, BURST_BYTES, now))
        passed_s = max(0.0, now - at)
        return min(BURST, batches + passed_s * A_SECOND), min(BURST_BYTES, size + passed_s * BYTES_A_SECOND)
