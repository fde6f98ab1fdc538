"""What can go wrong at the edge, split by what the caller does next."""

from __future__ import annotations


class EdgeError(Exception):
    """The base of all errors of this package."""


class Transient(EdgeError):
    """It may work later: nobody answered, the line was cut. Back off and try again."""


class Rejected(EdgeError):
    """The device understood and said no, with a Modbus exception code. Trying the same again does not help."""

    def __init__(self, code: int, what: str) -> None:
        super().__init__(f"the device answered exception {code} to {what}")
        self.code = code


class Misconfigured(EdgeError):
    """A person must change something first. The text is for that person."""
