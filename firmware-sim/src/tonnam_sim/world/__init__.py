"""A whole farm for season tests: physics that is not the controllers' model, devices, and a typed list of faults."""

from .clock import WorldEvent
from .config import WorldConfig
from .faults import Fault, parse_fault
from .world import World

__all__ = ["Fault", "World", "WorldConfig", "WorldEvent", "parse_fault"]
