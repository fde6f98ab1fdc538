"""How far a reading can be trusted."""

from enum import IntEnum


class Quality(IntEnum):
    """Good, or why not. The numbers are on the wire and in the store and never change."""

    GOOD = 0
    STALE = 1
    STUCK = 2
    OUT_OF_RANGE = 3
    JUMPED = 4
    DISAGREES = 5
    DEVICE_FAULT = 6
    CLOCK_SUSPECT = 7
    SUBSTITUTED = 8

    @property
    def label(self) -> str:
        """The word used in the API and on pages, such as `out_of_range`."""
        return self.name.lower()
