"""Times that safety rests on, in seconds. The site file cannot change them."""

from __future__ import annotations

# A command that moves a coil must be seen in the coil's read-back within this time, else it has failed.
PROVE_S = 10.0
# A board whose clock is fast ends a deadline before it is due: after this share of it that is no fault.
EARLY_SHARE = 0.9
# A close that is not proven is said again this often, for ever.
REPEAT_OFF_S = 2.0
# An opening that could not be sent within this time is dropped: it would outlive what was decided.
OPENING_FRESH_S = 3.0
# The pump's own deadline is the planned run and this.
PUMP_MARGIN_S = 5.0
# A pump's relay is proven off and water goes on for so long: its contact is welded.
WELD_LOOK_S = 12.0
# A current that was read so long after a pump was proven off is no longer that of its stopping.
CURRENT_SETTLES_S = 5.0
# A close that is proven within this is in time; what it takes longer counts as water given.
LATE_S = 3.0
# A pump that draws too little current for so long has no water.
DRY_S = 10.0
# Coils that somebody else moves so often within an hour are latched.
UNEXPECTED_TIMES = 3
# Water pressure falls for this long between pump and valve.
DECAY_S = 2.0
# The valve's own deadline is the planned run, its travels and these two: so that it outlasts the pump's.
OPEN_MARGIN_S = PROVE_S + 1.0
CLOSE_MARGIN_S = PUMP_MARGIN_S + PROVE_S
# After a coil was not as we said: all off, and no start for this long.
WAIT_AFTER_FAULT_S = 60.0
# After a run has failed, moisture programs of its zone wait at least this long.
REST_AFTER_FAILURE_S = 3600.0
# No start for less than this: it would only fill the pipe.
SHORTEST_RUN_S = 20.0
# Filling the pipe before the first pulse of a meter can come.
FILL_S = 15.0
# How many pulses' time to wait, at half the expected flow, before saying that no water flows.
PULSES_TO_WAIT = 3
# A device that has not answered for this long is lost.
LOST_AFTER_S = 30.0
# A command to water that was issued further ahead of our clock than this is not believed: it would live too long.
COMMAND_AHEAD_S = 300.0
# A command's id is remembered this long after it has expired.
REMEMBER_S = 86_400.0
