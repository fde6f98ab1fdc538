"""Shorter patience for the programs of the fault suite, so that hundreds of faults heal within a minute.

Only times are changed; what is done, and in which order, is production's.
"""

from __future__ import annotations

from types import ModuleType

from tonnam_link import flow, receiver, sender, session

PATIENCE: dict[ModuleType, dict[str, float]] = {
    flow: {
        "LIVE_S": 6.0,
        "RESEND_S": 1.0,
        "RESEND_MAX_S": 6.0,
        "FIRST_BACK_S": 0.5,
        "UNASKED_BACK_S": 2.0,
        "DICTIONARY_AGAIN_S": 1.0,
        "HURRY_S": 0.5,
    },
    sender: {"DISK_PAUSE_S": 0.5},
    receiver: {"FAILED_RETRY_S": 1.0},
    session: {"CONNECT_TIMEOUT_S": 2.0, "HANDSHAKE_TIMEOUT_S": 3.0, "STEADY_S": 1.0, "RENEW_S": 3.0},
}
SESSION = {"keepalive_s": 2, "pause_s": (0.1, 1.0)}


def hurry() -> None:
    """Shorten the time-outs of this process. AssertionError when one of them has another name by now."""
    for module, constants in PATIENCE.items():
        for name, seconds in constants.items():
            assert name in vars(module), f"{module.__name__} has no {name} any more"
            setattr(module, name, seconds)
    defaults = session.Session.__init__.__kwdefaults__
    assert defaults is not None
    assert defaults.keys() >= SESSION.keys()
    defaults.update(SESSION)
