"""What programs log of a failure that nobody foresaw."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from importlib import import_module

import pytest
import structlog

PROGRAMS = ("tonnam_edge.main", "tonnam_cloud.main", "tonnam_sim.main")


@pytest.fixture(autouse=True)
def logging() -> Iterator[None]:
    """As it was before, afterwards."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_traceback_shows_no_values_which_may_be_keys_and_take_long_to_print(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key = secrets.token_hex()

    def failing() -> None:
        private = key
        try:
            raise ArithmeticError(len(private))
        except ArithmeticError:
            structlog.get_logger().exception("a part failed")

    main = import_module(program)
    monkeypatch.setattr(main, "app", failing)
    main.main()
    said = capsys.readouterr().err
    assert "ArithmeticError: 64" in said
    assert key not in said
