"""A cloud that looks at no checksum."""

from __future__ import annotations

from tests.faults.cloud import run
from tonnam_link.receiving import reception

if __name__ == "__main__":
    assert "intact" in vars(reception)
    vars(reception)["intact"] = lambda payload, origin: True
    run()
