"""Shorter patience for the programs of the fault suite, so that hundreds of faults heal within a minute.

Only times are changed; what is done, and in which order, is production's.
"""

from __future__ import annotations

from types import ModuleType

from tonnam_link.commands import inbox
from tonnam_link.mqtt import connection, session
from tonnam_link.node import disk, flow, greeter, line, node_clock, sender, uplink
from tonnam_link.receiving import reception, relay

PATIENCE: dict[ModuleType, dict[str, object]] = {
    flow: {
        "LIVE_S": 6.0,
        "RESEND_S": 1.0,
        "RESEND_MAX_S": 6.0,
        "FIRST_BACK_S": 0.5,
        "UNASKED_BACK_S": 2.0,
        "CREDIT_S": 2.0,
        "DICTIONARY_AGAIN_S": 1.0,
        "HURRY_S": 0.5,
    },
    sender: {"DISK_PAUSE_S": 0.5},
    disk: {"OPEN_AGAIN_S": 0.3},
    uplink: {"LOOK_EVERY_S": 0.3},
    line: {"ANSWER_S": 4.0},
    greeter: {"FIRST_PAUSE_S": 0.5, "LONGEST_PAUSE_S": 2.0, "LOOK_S": 0.5},
    inbox: {"TRY_AGAIN_S": 0.5},
    node_clock: {"SLOW_WAIT_MS": 2_000},
    relay: {
        "DISK_RETRY_S": 1.0,
        "FULL_RETRY_S": 5.0,
        "NO_CHAIN_RETRY_S": 5.0,
        "SITE_AWAY_S": 3.0,
        "SILENT_S": 8.0,
        "LOOK_EVERY_S": 0.3,
    },
    reception: {"LATER_S": (0.5, 5.0)},
    connection: {"CONNECT_TIMEOUT_S": 2.0, "HANDSHAKE_TIMEOUT_S": 3.0, "RENEW_S": 3.0},
    session: {"STEADY_S": 1.0},
}
SESSION = {"keepalive_s": 2, "pause_s": (0.1, 1.0)}


def hurry() -> None:
    """Shorten the time-outs of this process. AssertionError when one of them has another name by now."""
    for module, constants in PATIENCE.items():
        for name, value in constants.items():
            assert name in vars(module), f"{module.__name__} has no {name} any more"
            setattr(module, name, value)
    defaults = session.Session.__init__.__kwdefaults__
    assert defaults is not None
    assert defaults.keys() >= SESSION.keys()
    defaults.update(SESSION)
