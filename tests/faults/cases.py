"""Every fault that the suite knows, by kind, and the decks from which the places of a world draw them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from tests.faults import link_faults
from tests.faults.link_faults import LinkFault


@dataclass(frozen=True)
class Kill:
    """The process ends as when the power goes (kill -9), and is started again a little later."""

    down_s: float
    what: str

    @property
    def kind(self) -> str:
        return f"{self.what} killed"


Fault = LinkFault | Kill
Draw = Callable[[Random], Fault]


def _kill(what: str, most_s: float) -> Draw:
    return lambda dice: Kill(dice.choice([0.0, dice.uniform(0.0, most_s)]), what)


CASES: Mapping[str, Draw] = {
    **link_faults.DRAWS,
    "node killed": _kill("node", 2.0),
    "cloud killed": _kill("cloud", 2.0),
    "broker killed": _kill("broker", 2.0),
}
NODE_DECK = [*link_faults.DRAWS, "node killed", "node killed"]
CLOUD_DECK = [*link_faults.DRAWS, "cloud killed", "cloud killed", "cloud killed", "cloud killed"]
BROKER_DECK = ["broker killed"]


def draw(deck: Sequence[str], dice: Random) -> Iterator[Fault]:
    """Faults without end: the deck in another order each time, so that none is missing for long."""
    while True:
        for kind in dice.sample(deck, len(deck)):
            yield CASES[kind](dice)
