"""A farm whose cabinet has a switch for each zone and an emergency stop, on a module of digital inputs."""

from __future__ import annotations

from typing import Any

from tests.edge.farms import SITE, Field, Play
from tonnam_edge.core import Observation
from tonnam_edge.core.memory import Memory
from tonnam_edge.site.site import Site
from tonnam_link.messages import Command, CommandAction

INPUTS = """
[[device]]
id = "switches"
bus = "cabinet"
unit = 4
profile = "digital-input-8ch"
name = { th = "สวิตช์ตู้", en = "Cabinet switches" }
tells = ["input_0", "input_1", "input_2", "input_3", "input_4"]

[cabinet]
emergency_stop = "switches/input_4"
"""
ZONE_1 = 'mode = { auto = "switches/input_0", hand = "switches/input_1" }\n'
ZONE_2 = 'mode = { auto = "switches/input_2", hand = "switches/input_3" }\n'


def switched(text: str = SITE) -> str:
    """The site with switches for both zones."""
    first, second = 'id = "zone-1"\n', 'id = "zone-2"\n'
    return text.replace(first, first + ZONE_1, 1).replace(second, second + ZONE_2, 1) + INPUTS


class SwitchField(Field):
    """The field with switches: both zones on auto, the emergency stop not pressed (its contact is closed)."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs: list[bool] = [True, False, True, False, True]
        self.switches_answer = True
        self.hand_l_min = 0.0  # what flows because somebody opened a valve by hand

    def turn(self, number: int, where: str) -> None:
        """Turn the switch of a zone: off, hand or auto."""
        self.inputs[2 * number - 2 : 2 * number] = [where == "auto", where == "hand"]

    def press(self, pressed: bool = True) -> None:
        self.inputs[4] = not pressed

    def pass_time(self, from_ms: int, to_ms: int) -> None:
        super().pass_time(from_ms, to_ms)
        self.litres += self.hand_l_min * (to_ms - from_ms) / 60_000

    def observe(self, mono_ms: int) -> list[Observation]:
        values = {f"input_{n}": float(closed) for n, closed in enumerate(self.inputs)}
        seen = Observation("switches", mono_ms, values if self.switches_answer else None)
        return [*super().observe(mono_ms), seen]


class SwitchPlay(Play):
    """Plays a core whose cabinet has switches."""

    field: SwitchField

    def __init__(self, site: Site, **kept: object) -> None:
        super().__init__(site, **kept)  # type: ignore[arg-type]
        self.field = SwitchField()

    def of_kind(self, kind: str) -> list[dict[str, object]]:
        return [event.body for event in self.events if event.kind == kind]


def farm(site: Site, *, dry: bool = False, **kept: Any) -> SwitchPlay:
    play = SwitchPlay(site, **kept)
    play.field.moisture = [20.0 if dry else 28.0, 28.0]
    play.run(5)
    return play


def say(
    play: SwitchPlay,
    action: CommandAction,
    command_id: str = "p1",
    *,
    zone: str = "",
    latch: str = "",
    who: str = "",
    why: str = "",
) -> None:
    now = play.now_ms
    play.core.command(Command(command_id, action, zone, now, now + 60_000, 0, play.key, latch, who, why))


def stands(play: SwitchPlay) -> dict[str, Any]:
    return dict(play.of_kind("site.stands")[-1])


def memory(play: SwitchPlay) -> Memory:
    assert play.memory is not None
    return Memory.decode(play.memory)
