"""What can be wrong, split by what the caller does next."""

from __future__ import annotations

from dataclasses import dataclass


class GatewayError(Exception):
    """The base of everything this package raises."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a mapping file: where, which key, and what would be right."""

    line: int
    key: str
    message: str


class Misconfigured(GatewayError):
    """A person must change the configuration; nothing was touched yet."""

    def __init__(self, source: str, problems: list[Problem]) -> None:
        self.source = source
        self.problems = sorted(problems)
        super().__init__("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """`file:line: key: message` for each problem, in the order of the file."""
        return [f"{self.source}:{p.line}: {p.key + ': ' if p.key else ''}{p.message}" for p in self.problems]
