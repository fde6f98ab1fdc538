"""Whether somebody answers at the other end. Pure: times are seconds of one monotonic clock, passed in."""

from __future__ import annotations

ANSWER_S = 30.0


class Line:
    """What is known of the far end over one connection to the broker.

    Somebody answers when a reply has come over this connection, and none has been waited for too long since.
    """

    def __init__(self) -> None:
        self._heard = False
        self._asked_at: float | None = None

    def begins(self) -> None:
        """A new connection: nobody has answered yet."""
        self._heard, self._asked_at = False, None

    def asked(self, now: float) -> None:
        """Something was sent that wants a reply."""
        if self._asked_at is None:
            self._asked_at = now

    def heard(self) -> None:
        """A reply came."""
        self._heard, self._asked_at = True, None

    def answers(self, now: float) -> bool:
        """Whether what is sent now can be expected to be answered."""
        return self._heard and (self._asked_at is None or now - self._asked_at < ANSWER_S)
