"""The hours at which things were noted, as `Kept.hours` counts them: told from other figures by their type.

When it becomes known for how long the machine was off, that time is put before all that was noted since. A field that
holds such an hour has one of these types, whatever it lies in, and is moved along with the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

STAMP = "an hour of Kept"
Hour = Annotated[float, STAMP]
WholeHour = Annotated[int, STAMP]  # of what came between it and the next one

JUST_BEFORE_H = 0.001  # what was noted in this moment was noted before it


def put_before(kept: msgspec.Struct, from_h: float, by_h: float, now_h: float) -> None:
    """Move every stamp after `from_h` by so many hours; to `now_h` at most."""

    def moved(hour: float) -> float:
        return min(hour + by_h, max(hour, now_h)) if hour > from_h + JUST_BEFORE_H else hour

    def move(hour: float, whole: bool) -> float:
        return math.floor(moved(hour + 0.5)) if whole else round(moved(hour), 6)

    _follow(kept, type(kept), move)


def newest(kept: msgspec.Struct) -> float:
    """The last of all stamps; minus infinity where there are none. Of a whole hour no more is known than that it had
    begun: the half of it would let hours pass in boots of seconds."""
    found = -math.inf

    def look(hour: float, _: bool) -> float:
        nonlocal found
        found = max(found, hour)
        return hour

    _follow(kept, type(kept), look)
    return found


def _follow(value: Any, kind: Any, move: Callable[[float, bool], float]) -> Any:
    """A value with all stamps in it moved. Structs that are not frozen are changed in place."""
    of, args = get_origin(kind), get_args(kind)
    if value is None or not _has_stamps(kind):
        return value
    if of is Annotated:
        return move(value, args[0] is int)
    if of in {Union, UnionType}:
        return _follow(value, next(each for each in args if each is not type(None)), move)
    if of is list:
        return [_follow(each, args[0], move) for each in value]
    if of is tuple:
        return tuple(_follow(each, arg, move) for each, arg in zip(value, args, strict=True))
    if of is dict:
        return {key: _follow(each, args[1], move) for key, each in value.items()}
    return _follow_struct(value, move)


def _follow_struct(struct: msgspec.Struct, move: Callable[[float, bool], float]) -> msgspec.Struct:
    kinds = _kinds(type(struct))
    moved = {name: _follow(getattr(struct, name), kind, move) for name, kind in kinds.items()}
    if struct.__struct_config__.frozen:
        return msgspec.structs.replace(struct, **moved)
    for name, value in moved.items():
        setattr(struct, name, value)
    return struct


@cache
def _kinds(struct: type) -> dict[str, Any]:
    """The fields with stamps in them."""
    hints = get_type_hints(struct, include_extras=True)
    return {name: hints[name] for name in struct.__struct_fields__ if _has_stamps(hints[name])}  # type: ignore[attr-defined]


@cache
def _has_stamps(kind: Any) -> bool:
    if get_origin(kind) is Annotated:
        return STAMP in get_args(kind)[1:]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return bool(_kinds(kind))
    return any(_has_stamps(arg) for arg in get_args(kind))
