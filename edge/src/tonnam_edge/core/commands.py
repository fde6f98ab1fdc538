"""Commands from people. The same id never acts twice, and none acts after it has expired."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from tonnam_edge.core import texts
from tonnam_edge.core.image import Now
from tonnam_edge.core.memory import Heard, Memory, Past, Text
from tonnam_edge.limits import COMMAND_AHEAD_S, REMEMBER_S
from tonnam_link.commands.refusals import Refusals, Why
from tonnam_link.messages import Command, CommandAction, CommandState, Outcome

# Nobody makes longer ids, longer runs, or commands that live longer: such a command is an error or an attack.
LONGEST_ID = 128
LONGEST_RUN_S = 86_400
LONGEST_LIFE_MS = 86_400_000
# As many ids are remembered at a time; without room for its id no water is started. Stops have as much room again.
MOST_REMEMBERED = 1000
# So many commands are told that they were refused without being remembered, each once.
MOST_TURNED_AWAY = 1000
KEYS_REMEMBERED = 16


class Senseless(NamedTuple):
    """Why a command to water makes no sense, whatever the farm is like."""

    why: Why
    reason: Text


class Commands:
    """Takes commands in, remembers their ids, and keeps what is to be said of them. Bounded in every number.

    An id that has been forgotten acts no more either: of what each key signed, the time of issue of the latest
    forgotten command is remembered, and what was issued before that is refused. So no clock that goes back or ahead
    lets a command to water act again. What a newer key has signed counts for an older one, too; not the other way
    round, so that a new key mends what a cloud with a wrong clock has left.
    """

    def __init__(self, memory: Memory, now: Now) -> None:
        self.now = now  # set by the owner with every step
        self.refusals = Refusals()
        self._memory = memory
        self._new: list[Command] = []
        self._taken: dict[str, Command] = {}
        self._turned_away: set[str] = set()
        self._outcomes: list[Outcome] = []

    def add(self, command: Command) -> None:
        """Hear a command. One with an impossible id is passed over: there is nobody to answer."""
        if 0 < len(command.id) <= LONGEST_ID and all(command.id != waiting.id for waiting in self._new):
            self._new.append(command)

    def take(self) -> list[Command]:
        """The commands to decide on: none that was heard before, or may have been."""
        new, self._new = self._new, []
        self._taken = {command.id: command for command in new if not self._repeated(command)}
        return list(self._taken.values())

    def senseless(self, command: Command) -> Senseless | None:
        """Why a command to water is not even looked at; or None. Notes when it was issued."""
        if not -LONGEST_RUN_S <= command.max_run_s <= LONGEST_RUN_S:
            return Senseless(Why.MALFORMED, texts.run_too_long())
        past, now_ms = self._past(command.signed_by), self.now.wall_ms
        ahead_ms = max(command.issued_at_ms, self._newest_ms(command)) - now_ms
        if ahead_ms > COMMAND_AHEAD_S * 1000 or not 0 <= command.expires_at_ms <= now_ms + LONGEST_LIFE_MS:
            return Senseless(Why.AHEAD, texts.clocks_differ())
        past.newest_ms = max(past.newest_ms, command.issued_at_ms)
        if len(self._memory.heard) >= MOST_REMEMBERED:
            return Senseless(Why.NO_ROOM, texts.too_many_commands())
        return None

    def expired(self, command: Command) -> bool:
        """Whether it is too late for a command to water: by our clock, or by that of the cloud, which has since
        issued another one. So turning our clock back brings no command back that somebody held up on its way."""
        return command.expires_at_ms <= max(self.now.wall_ms, self._newest_ms(command))

    def overtaken(self, command: Command) -> bool:
        """Whether a stop of the same zone was issued after this command to water, which comes only now. Another key
        may have signed it; then it does not count if it is dated ahead, for that key's clock was wrong."""
        own, latest_ms = self._past(command.signed_by), self.now.wall_ms + COMMAND_AHEAD_S * 1000
        return any(
            command.issued_at_ms <= stopped_ms and (past is own or stopped_ms <= latest_ms)
            for past in self._memory.past.values()
            if (stopped_ms := past.stopped_ms.get(command.zone)) is not None
        )

    def stopped(self, command: Command) -> None:
        """Note that a stop was obeyed: what was wished for its zone before it must not begin after it."""
        past, ahead_ms = self._past(command.signed_by), command.issued_at_ms - self.now.wall_ms
        if ahead_ms <= COMMAND_AHEAD_S * 1000 or not self.now.sure:
            past.stopped_ms[command.zone] = max(past.stopped_ms.get(command.zone, -1), command.issued_at_ms)

    def turn_away(self, command: Command, why: Why, reason: Text) -> None:
        """Refuse without remembering: it would be refused again. That is told once, and counted every time."""
        self.refusals.note(why)
        if command.id not in self._turned_away and len(self._turned_away) < MOST_TURNED_AWAY:
            self._turned_away.add(command.id)
            at_ms, stamp = self.now.wall_ms, self.now.stamp
            self._outcomes.append(Outcome(command.id, CommandState.REFUSED, at_ms, reason, stamp=stamp))

    def say(self, command_id: str, state: CommandState, reason: Text, run_id: str | None = None) -> None:
        """Tell what became of a command, and remember it."""
        outcome = Outcome(command_id, state, self.now.wall_ms, reason, run_id, self.now.stamp)
        before = self._memory.heard.get(command_id)
        if before is not None:
            self._memory.heard[command_id] = msgspec.structs.replace(before, outcome=outcome)
        elif len(self._memory.heard) < 2 * MOST_REMEMBERED:
            self._memory.heard[command_id] = self._heard(command_id, outcome)
        self._outcomes.append(outcome)

    def outcomes(self) -> tuple[Outcome, ...]:
        said, self._outcomes = tuple(self._outcomes), []
        return said

    def forget(self) -> None:
        """Drop ids that expired long enough ago. A command still running is not forgotten.

        No command lives longer than `LONGEST_LIFE_MS`, whatever was said of it while the time was not known.
        """
        now_ms = self.now.wall_ms
        running = {intent.command_id for intent in self._memory.runs.values()} | set(self._memory.stops)
        for command_id, heard in list(self._memory.heard.items()):
            if heard.expires_at_ms > now_ms + LONGEST_LIFE_MS:
                heard = msgspec.structs.replace(heard, expires_at_ms=now_ms + LONGEST_LIFE_MS)
                self._memory.heard[command_id] = heard
            over_ms = max(heard.expires_at_ms, heard.issued_at_ms)
            if over_ms + REMEMBER_S * 1000 < now_ms and command_id not in running:
                past = self._past(heard.signed_by)
                past.forgotten_ms = max(past.forgotten_ms, heard.issued_at_ms)
                del self._memory.heard[command_id]

    def _repeated(self, command: Command) -> bool:
        """Whether a command was heard before. The cloud that asks again in time is told again what was said last."""
        heard = self._memory.heard.get(command.id)
        forgotten_ms = max(past.forgotten_ms for past in self._since(command.signed_by))
        if heard is None and (command.issued_at_ms > forgotten_ms or self._stops_now(command)):
            return False
        if heard is None:
            self.turn_away(command, Why.REPEATED, texts.too_old())
        elif self.now.sure and command.expires_at_ms > self.now.wall_ms:
            self._outcomes.append(heard.outcome)
        elif self.now.sure:
            self.refusals.note(Why.REPEATED)
        return True

    def _stops_now(self, command: Command) -> bool:
        """Whether it is a stop that somebody has wished just now, by our clock. Where what is remembered says that it
        is an old one, some clock was wrong for a while; and water that does not stop is worse than one stop more."""
        now_ms = self.now.wall_ms
        just_now = command.issued_at_ms - COMMAND_AHEAD_S * 1000 <= now_ms < command.expires_at_ms
        return command.action is CommandAction.STOP and self.now.sure and just_now

    def _newest_ms(self, command: Command) -> int:
        """When the newest command was issued that tells the time of this one's cloud."""
        return max(past.newest_ms for past in self._since(command.signed_by))

    def _heard(self, command_id: str, outcome: Outcome) -> Heard:
        command = self._taken.get(command_id)
        if command is None:  # a run of an older process, whose command is remembered no more
            return Heard(outcome.at_ms, outcome)
        until_ms = max(0, command.expires_at_ms)
        if self.now.sure:  # a guess shortens no memory
            until_ms = min(until_ms, self.now.wall_ms + LONGEST_LIFE_MS)
        return Heard(until_ms, outcome, command.issued_at_ms, command.signed_by)

    def _since(self, key: str) -> list[Past]:
        """What is remembered of a key, and of those that came into use after it."""
        own = self._past(key)
        return [past for past in self._memory.past.values() if past.number >= own.number]

    def _past(self, key: str) -> Past:
        """What is remembered of a key. Of more keys than a cloud can have at a time, the oldest goes."""
        past = self._memory.past
        if key not in past:
            number = 1 + max((each.number for each in past.values()), default=0)
            while len(past) >= KEYS_REMEMBERED:
                del past[min(past, key=lambda each: past[each].number)]
            past[key] = Past(number=number)
        return past[key]
