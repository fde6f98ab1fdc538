"""The edge's mind: judge, freeze, decide, interlock, act, prove, tell, with time from outside and no I/O."""

from tonnam_edge.core.cycle import Core, Step
from tonnam_edge.core.image import NotWritten, Observation
from tonnam_edge.core.plant.actuators import Action

__all__ = ["Action", "Core", "NotWritten", "Observation", "Step"]
