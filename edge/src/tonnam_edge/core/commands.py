"""Commands from people. The same id never acts twice, and none acts after it has expired."""

from __future__ import annotations

from tonnam_edge.core import texts
from tonnam_edge.core.memory import Heard, Memory, Text
from tonnam_edge.limits import REMEMBER_S
from tonnam_link.messages import Command, CommandState, Outcome, Stamp

# Nobody makes longer ids, longer runs, or commands that live longer: such a command is an error or an attack.
LONGEST_ID = 128
LONGEST_RUN_S = 86_400
LONGEST_LIFE_MS = 86_400_000
# As many ids are remembered at a time; without room for its id no water is started.
MOST_REMEMBERED = 1000


class Commands:
    """Takes commands in, remembers their ids, and keeps what is to be said of them. Bounded in every number."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._new: list[Command] = []
        self._outcomes: list[Outcome] = []
        self.stamp: Stamp | None = None  # set by the owner with every step: of what is said while UTC is a guess

    def add(self, command: Command) -> None:
        """Hear a command. One heard before is only answered again, with what was last said of it.

        One with an impossible id is passed over: there is nobody to answer.
        """
        if not 0 < len(command.id) <= LONGEST_ID:
            return
        heard = self._memory.heard.get(command.id)
        if heard is not None:
            self._outcomes.append(heard.outcome)
        elif all(command.id != waiting.id for waiting in self._new):
            self._new.append(command)

    def take(self) -> list[Command]:
        """The commands not yet decided on."""
        new, self._new = self._new, []
        return new

    def refusal(self, command: Command, now_ms: int) -> Text | None:
        """Why a command to water makes no sense, whatever the farm is like; or None. Says the same every time."""
        if not -LONGEST_RUN_S <= command.max_run_s <= LONGEST_RUN_S:
            return texts.run_too_long()
        if not 0 <= command.expires_at_ms <= now_ms + LONGEST_LIFE_MS:
            return texts.clocks_differ()
        if len(self._memory.heard) >= MOST_REMEMBERED:
            return texts.too_many_commands()
        return None

    def refuse(self, command: Command, at_ms: int, reason: Text) -> None:
        """Refuse without remembering: it would be refused again."""
        self._outcomes.append(Outcome(command.id, CommandState.REFUSED, at_ms, reason, stamp=self.stamp))

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
        outcome = Outcome(command_id, state, at_ms, reason, run_id, self.stamp)
        before = self._memory.heard.get(command_id)
        until = expires_at_ms if expires_at_ms is not None else before.expires_at_ms if before else at_ms
        if before is not None or len(self._memory.heard) < MOST_REMEMBERED:
            latest = at_ms + LONGEST_LIFE_MS if self.stamp is None else until  # a guess shortens no memory
            self._memory.heard[command_id] = Heard(min(max(0, until), latest), outcome)
        self._outcomes.append(outcome)

    def outcomes(self) -> tuple[Outcome, ...]:
        said, self._outcomes = tuple(self._outcomes), []
        return said

    def forget(self, now_ms: int) -> None:
        """Drop ids that expired long enough ago. A command still running is not forgotten.

        No command lives longer than `LONGEST_LIFE_MS`, whatever was said of it while the time was not known.
        """
        for command_id, heard in self._memory.heard.items():
            if heard.expires_at_ms > now_ms + LONGEST_LIFE_MS:
                self._memory.heard[command_id] = Heard(now_ms + LONGEST_LIFE_MS, heard.outcome)
        running = {intent.command_id for intent in self._memory.runs.values()} | set(self._memory.stops)
        old = [
            command_id
            for command_id, heard in self._memory.heard.items()
            if heard.expires_at_ms + REMEMBER_S * 1000 < now_ms and command_id not in running
        ]
        for command_id in old:
            del self._memory.heard[command_id]
