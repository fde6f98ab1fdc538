"""A node that forgets a batch whatever the reply to it says."""

from __future__ import annotations

from tests.faults.node import run
from tonnam_link.messages import Verdict

if __name__ == "__main__":
    assert not Verdict.BUSY.releases
    Verdict.releases = property(lambda _: True)  # type: ignore[assignment, method-assign]
    run()
