"""What is wrong at one instant, or done by people: the sum of all faults that are on. Derived, never stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Position = Literal["off", "hand", "auto"]


@dataclass(slots=True)
class Conditions:
    """Empty: all is well. Actuators, sensors, probes and zones by their names; units as (bus, unit).

    `drifts` are (a day, since) of a sensor's first quantity; `flow_switch` is how it is stuck, if it is.
    `river_waves` are (cm, since, rises within seconds).
    """

    stuck: dict[str, bool] = field(default_factory=dict)
    welded: set[str] = field(default_factory=set)
    burnt: set[str] = field(default_factory=set)
    boards_down: set[int] = field(default_factory=set)
    clock_rates: dict[int, float] = field(default_factory=dict)
    voltage: float = 1.0
    jammed: set[str] = field(default_factory=set)
    leaking: dict[str, float] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    bursts: dict[str, float] = field(default_factory=dict)
    emitters: dict[tuple[str, int], float] = field(default_factory=dict)
    main_leak: float = 0.0
    filter_factor: float = 1.0
    dead_pumps: set[str] = field(default_factory=set)
    worn_pumps: dict[str, float] = field(default_factory=dict)
    floats_failed: set[str] = field(default_factory=set)
    river_waves: list[tuple[float, float, float]] = field(default_factory=list)
    locks: set[str] = field(default_factory=set)
    siphon_m: float = 0.0
    check_failed: bool = False
    injector_checks_failed: set[str] = field(default_factory=set)
    airlocked: set[str] = field(default_factory=set)
    stocks_empty: set[str] = field(default_factory=set)
    circulation_dead: bool = False
    flow_switch: bool | None = None
    well_dry: bool = False
    tank_leak_l_min: float = 0.0
    silent_buses: set[str] = field(default_factory=set)
    lossy_buses: dict[str, tuple[float, str]] = field(default_factory=dict)
    dead_units: set[tuple[str, int]] = field(default_factory=set)
    refusing_units: dict[tuple[str, int], int] = field(default_factory=dict)
    offsets: dict[str, float] = field(default_factory=dict)
    gains: dict[str, float] = field(default_factory=dict)
    frozen: set[str] = field(default_factory=set)
    drifts: dict[str, tuple[float, float]] = field(default_factory=dict)
    uncompensated: set[str] = field(default_factory=set)
    out_of_water: set[str] = field(default_factory=set)
    dry_contact: set[str] = field(default_factory=set)
    pulled: set[str] = field(default_factory=set)
    moved: dict[str, str] = field(default_factory=dict)
    meter_blind: bool = False
    phantom_l_min: float = 0.0
    switches: dict[str, Position] = field(default_factory=dict)
    emergency_stop: bool = False
    rain_mm_h: float = 0.0
    warmer_c: float = 0.0

    def switch(self, subject: str) -> Position:
        """Where the cabinet's switch of a zone, or of "pump", stands."""
        return self.switches.get(subject, "auto")
