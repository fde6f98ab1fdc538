"""What can go wrong on the link, split by what the caller does next."""

from __future__ import annotations


class LinkError(Exception):
    """The base of all errors that this package raises on purpose."""


class Rejected(LinkError):
    """These bytes can never be understood: quarantine them. `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class MissingDictionary(LinkError):
    """The batch is well, but its dictionary is not known here: answer `need_dictionary`."""

    def __init__(self, dictionary: str) -> None:
        super().__init__(f"dictionary {dictionary} is not known here")
        self.dictionary = dictionary


class TooLarge(LinkError, ValueError):
    """What should be sent does not fit into one batch."""


class OutboxUnavailable(LinkError):
    """The disk did not take it (full, read-only, broken, hanging). Trying again later may work, and is safe.

    Nothing was accepted. Only of a disk that hangs nobody knows.
    """


class OutboxInUse(LinkError):
    """Another process has this outbox open."""


class OutboxOfAnother(LinkError):
    """This outbox was filled by another node: its batches must not be sent under the name of this one."""
