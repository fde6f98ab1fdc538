"""What to read from a device and what it means, without doing the reading.

A poll is a generator: it yields `Read`s, is sent the words of each, and returns the device's values. So one planner
serves an asyncio bus, a test and the demo's in-process farm alike.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import NamedTuple

from tonnam_edge.errors import Rejected, Transient
from tonnam_edge.site.profile import FUNCTION_CODE, Profile, Value
from tonnam_edge.site.registers import number, unsigned


class Read(NamedTuple):
    """One request: `size` registers or bits from `address`, by Modbus function code 1 to 4."""

    function: int
    address: int
    size: int


Values = dict[str, float | None]
Poll = Generator[Read, Sequence[int], Values]
SUNS = (0x5375, 0x6E53)
END_OF_CHAIN = 0xFFFF
ILLEGAL_ADDRESS = 2
LONGEST_READ = 125  # registers in one answer, by the protocol


class DevicePlan:
    """How to poll one device for the values `told`; remembers where a SunSpec chain was found, and what the words
    meant that came last."""

    def __init__(self, profile: Profile, told: Sequence[str], parameters: Mapping[str, float] | None = None) -> None:
        self.profile = profile
        self.parameters = {**profile.parameters, **(parameters or {})}
        self.values = _wanted(profile, told)
        self.blocks = blocks_of(profile, self.values)
        self._model: tuple[int, int] | None = None
        self._latest: tuple[list[Sequence[int]], Values] | None = None

    def poll(self) -> Poll:
        """Read the device once. Values are in their units; None where the device says that it does not know."""
        if self.profile.relay is not None:
            return self._poll_relay(self.profile.relay.coils)
        if self.profile.sunspec is not None:
            return self._poll_sunspec(self.profile.sunspec.bases, self.profile.sunspec.models)
        return self._poll_registers()

    def _poll_relay(self, coils: int) -> Poll:
        bits = yield Read(FUNCTION_CODE["coil"], 0, coils)
        if self._latest is None or self._latest[0] != [bits]:
            self._latest = [bits], {coil_id(n): float(bool(bits[n])) for n in range(coils)}
        return self._latest[1]

    def _poll_registers(self) -> Poll:
        answers = []
        for block in self.blocks:
            answers.append((yield block))
        if self._latest is None or self._latest[0] != answers:  # most devices say most of the time what they said
            self._latest = answers, self._of_registers(answers)
        return self._latest[1]

    def _of_registers(self, answers: Sequence[Sequence[int]]) -> Values:
        words: dict[tuple[int, int], int] = {}
        for block, answer in zip(self.blocks, answers, strict=True):
            for n, word in enumerate(answer[: block.size]):
                words[block.function, block.address + n] = word
        raw = {
            value.id: [words[FUNCTION_CODE[value.function], value.address + n] for n in range(value.width)]
            for value in self.values
        }
        return self._values(raw, {})

    def _poll_sunspec(self, bases: Sequence[int], models: Sequence[int]) -> Poll:
        if self._model is None:
            self._model = yield from _find_model(bases, models)
        start, length = self._model
        self._model = None  # found anew when this read fails
        needed = max((_end_in_model(value) for value in self.values), default=1)
        if not needed <= length <= LONGEST_READ:
            raise Transient(f"its SunSpec model claims {length - 2} registers; {needed - 2} or more are needed")
        words = yield Read(FUNCTION_CODE["holding"], start, length)
        if len(words) < needed:
            raise Transient(f"{len(words)} registers came instead of {length}")
        if words[0] not in models:
            raise Transient("the SunSpec models have moved; they will be looked for again")
        self._model = (start, length)
        raw = {value.id: words[value.address : value.address + value.width] for value in self.values}
        exponents = {
            value.id: number(words[value.exponent_at : value.exponent_at + 1], "int16")
            for value in self.values
            if value.exponent_at is not None
        }
        return self._values(raw, exponents)

    def _values(self, raw: Mapping[str, Sequence[int]], exponents: Mapping[str, float | None]) -> Values:
        """All values in their units. A probe whose electronics are dead answers zero everywhere: nothing is known."""
        dead = self.profile.dead_when_zero
        if dead and all(unsigned(raw[value_id]) == 0 for value_id in dead):
            return {value.id: None for value in self.values}
        found: Values = {}
        for value in sorted(self.values, key=lambda v: v.decimals_from is not None or v.factor_from is not None):
            found[value.id] = self._value(value, raw[value.id], exponents.get(value.id), found)
        return found

    def _value(self, value: Value, words: Sequence[int], exponent: float | None, found: Values) -> float | None:
        plain = number(words, value.type, value.order)
        if plain is None or (value.unknown and unsigned(words, value.order) in value.unknown):
            return None
        scaled = plain * value.scale
        if value.scale_by is not None:
            scaled *= self.parameters[value.scale_by]
        if value.exponent_at is not None:
            if exponent is None or not -10 <= exponent <= 10:
                return None
            scaled *= 10.0**exponent
        if value.decimals_from is not None:
            decimals = found[value.decimals_from]
            if decimals is None or not 0 <= decimals <= 6:
                return None
            scaled /= 10.0**decimals
        if value.factor_from is not None:
            code = found[value.factor_from]
            factor = None if code is None else value.factors.get(str(int(code)))
            if factor is None:
                return None
            scaled *= factor
        return round(scaled + value.offset, 9)


def coil_id(coil: int) -> str:
    """The name of a relay board's coil among its values."""
    return f"coil_{coil}"


def _wanted(profile: Profile, told: Sequence[str]) -> tuple[Value, ...]:
    """The values to read: those told, those that they are converted with, and those that show a dead probe."""
    ids = set(told) | (set(profile.dead_when_zero) if told else set())
    for value in profile.value:
        if value.id in ids:
            ids |= {other for other in (value.decimals_from, value.factor_from) if other is not None}
    return tuple(value for value in profile.value if value.id in ids)


def blocks_of(profile: Profile, values: Sequence[Value]) -> list[Read]:
    """The fewest reads that fetch `values` without touching a register that the profile does not know.

    One register past the map fails a whole block with exception 2, so a gap between known registers splits it.
    """
    known = {(v.function, v.address + n) for v in profile.value for n in range(v.width)}
    blocks: list[Read] = []
    for value in sorted(values, key=lambda v: (FUNCTION_CODE[v.function], v.address)):
        function, end = FUNCTION_CODE[value.function], value.address + value.width
        last = blocks[-1] if blocks else None
        if last is not None and last.function == function and end - last.address <= profile.max_block:
            between = range(last.address + last.size, value.address)
            if all((value.function, address) in known for address in between):
                blocks[-1] = last._replace(size=max(last.size, end - last.address))
                continue
        blocks.append(Read(function, value.address, value.width))
    return blocks


def _end_in_model(value: Value) -> int:
    """How long a model must be, with id and length words, to hold a value and its exponent."""
    return max(value.address + value.width, 0 if value.exponent_at is None else value.exponent_at + 1)


def _find_model(bases: Sequence[int], models: Sequence[int]) -> Generator[Read, Sequence[int], tuple[int, int]]:
    """Walk the SunSpec chain to the first model of `models`: its address and its length with id and length words."""
    at = yield from _find_base(bases)
    for _ in range(64):
        if at + 1 > 0xFFFF:
            break
        model, length = (yield Read(FUNCTION_CODE["holding"], at, 2))[:2]
        if model == END_OF_CHAIN:
            break
        if model in models:
            return at, length + 2
        at += length + 2
    raise Transient(f"the device speaks SunSpec but has none of the models {', '.join(map(str, models))}")


def _find_base(bases: Sequence[int]) -> Generator[Read, Sequence[int], int]:
    for base in bases:
        try:
            words = yield Read(FUNCTION_CODE["holding"], base, 2)
        except Rejected as refusal:
            if refusal.code != ILLEGAL_ADDRESS:
                raise
            continue
        if tuple(words[:2]) == SUNS:
            return base + 2
    raise Transient(f"no SunSpec mark at {', '.join(map(str, bases))}")
