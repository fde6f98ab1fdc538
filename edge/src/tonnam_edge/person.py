"""A person at the terminal: questions in Thai and English, answers from standard input, line by line."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Collection

from tonnam_edge.core.memory import Text

CHUNK = 4096


class Gone(Exception):
    """Standard input has ended: nobody is there any more."""


class Person:
    """Asks, and waits for a line. What is typed early answers the next question."""

    def __init__(self, stdin: int, say: Callable[[str], None]) -> None:
        self._stdin, self._say = stdin, say
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._part = b""

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[Person]:
        loop = asyncio.get_running_loop()
        try:
            loop.add_reader(self._stdin, self._heard)
        except PermissionError:  # a file: all of it is there already
            while self._heard():
                pass
            yield self
            return
        try:
            yield self
        finally:
            loop.remove_reader(self._stdin)

    def tell(self, words: Text) -> None:
        self._say(f"{words['th']}\n{words['en']}")

    async def ask(self, words: Text, allowed: Collection[str] = ()) -> str:
        """The answer in small letters; asked again until it is one that is allowed (anything when none is given).

        Raises Gone when standard input has ended.
        """
        while True:
            self.tell(words)
            answer = await self._lines.get()
            if answer is None:
                self._lines.put_nowait(None)
                raise Gone
            if not allowed or answer in allowed:
                return answer

    def _heard(self) -> bool:
        found = os.read(self._stdin, CHUNK)
        *lines, self._part = (self._part + found).split(b"\n")
        for line in lines:
            self._lines.put_nowait(line.decode(errors="replace").strip().lower())
        if not found:
            asyncio.get_running_loop().remove_reader(self._stdin)
            self._lines.put_nowait(None)
        return bool(found)
