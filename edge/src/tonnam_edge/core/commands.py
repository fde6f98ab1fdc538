"""Commands from people. The same id never acts twice, and none acts after it has expired."""

from __future__ import annotations

from tonnam_edge.core.memory import Heard, Memory, Text
from tonnam_edge.limits import REMEMBER_S
from tonnam_link.messages import Command, CommandState, Outcome


class Commands:
    """Takes commands in, remembers their ids, and keeps what is to be said of them."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._new: list[Command] = []
        self._outcomes: list[Outcome] = []

    def add(self, command: Command) -> None:
        """Hear a command. One heard before is only answered again, with what was last said of it."""
        heard = self._memory.heard.get(command.id)
        if heard is not None:
            self._outcomes.append(heard.outcome)
        elif all(command.id != waiting.id for waiting in self._new):
            self._new.append(command)

    def take(self) -> list[Command]:
        """The commands not yet decided on."""
        new, self._new = self._new, []
        return new

    def say(
        self,
        command_id: str,
        state: CommandState,
        at_ms: int,
        reason: Text,
        run_id: str | None = None,
        expires_at_ms: int | None = None,
    ) -> None:
        """Tell what became of a command, and remember it."""
        outcome = Outcome(command_id, state, at_ms, reason, run_id)
        before = self._memory.heard.get(command_id)
        until = expires_at_ms if expires_at_ms is not None else before.expires_at_ms if before else at_ms
        self._memory.heard[command_id] = Heard(until, outcome)
        self._outcomes.append(outcome)

    def outcomes(self) -> tuple[Outcome, ...]:
        said, self._outcomes = tuple(self._outcomes), []
        return said

    def forget(self, now_ms: int) -> None:
        """Drop ids that expired long enough ago. A command still running is not forgotten."""
        running = {intent.command_id for intent in self._memory.runs.values()}
        old = [
            command_id
            for command_id, heard in self._memory.heard.items()
            if heard.expires_at_ms + REMEMBER_S * 1000 < now_ms and command_id not in running
        ]
        for command_id in old:
            del self._memory.heard[command_id]
