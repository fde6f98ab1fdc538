"""The parts of a site file while it is being checked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TypeVar

from pydantic import BaseModel

P = TypeVar("P", bound=BaseModel)


class Parts:
    """The parts of a file that are right by themselves, with their place in it, and the ids of all."""

    def __init__(self) -> None:
        self.tables: dict[str, BaseModel] = {}
        self.lists: dict[str, list[tuple[int, BaseModel]]] = defaultdict(list)
        self.ids: dict[str, list[tuple[int, str]]] = defaultdict(list)

    def of(self, model: type[P], key: str) -> Iterator[tuple[int, P]]:
        for index, part in self.lists[key]:
            if isinstance(part, model):
                yield index, part

    def table(self, model: type[P], key: str) -> P | None:
        part = self.tables.get(key)
        return part if isinstance(part, model) else None

    def names(self, key: str) -> set[str]:
        return {name for _, name in self.ids[key]}
