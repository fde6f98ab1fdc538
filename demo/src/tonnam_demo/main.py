"""The entry point of `tonnam-demo`, which keeps Ctrl-C quiet while Python is still loading the rest."""

import sys


def main() -> None:
    """Run the command."""
    try:
        # A second of imports, during which Ctrl-C may come.
        from tonnam_demo.command import app  # noqa: PLC0415

        app()
    except KeyboardInterrupt:
        sys.exit(130)
