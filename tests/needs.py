"""What the machine must have for `make test` besides Python: checked before the first test, never skipped over.

`python -m tests.needs` says in one line what is missing and how to get it; with `--install`, on Debian as root,
it installs it.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Need:
    """A Debian package and the way to see that what we want of it is there, or what does `instead` but slower."""

    package: str
    programs: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()
    pattern: str = ""
    module: str = ""

    def met(self, *, well: bool = False) -> bool:
        """Whether one of the programs, a file of the pattern or the Python module is on this machine.

        `well`: nothing instead of it counts.
        """
        if self.module and importlib.util.find_spec(self.module):
            return True
        path = "/usr/sbin:/usr/local/sbin:" + (os.environ.get("PATH", ""))
        if any(shutil.which(program, path=path) for program in (*self.programs, *(() if well else self.instead))):
            return True
        return bool(self.pattern) and any(Path("/").glob(self.pattern))


NEEDS = (
    Need("make", ("make",)),
    Need("python3-venv", module="ensurepip"),
    Need("mosquitto", ("mosquitto",)),
    Need("influxdb", ("influxd",)),
    Need("victoria-metrics", ("victoria-metrics",)),
    Need("postgresql", pattern="usr/lib/postgresql/*/bin/initdb"),
    Need("chromium-headless-shell", ("chromium-headless-shell",), instead=("chromium",)),
    Need("fonts-noto-core", pattern="usr/share/fonts/truetype/noto/NotoSansThai-Regular.ttf"),
)


def missing(*, well: bool = False) -> list[str]:
    """The Debian packages that this machine lacks, `well`: also those that something slower stands in for."""
    return [need.package for need in NEEDS if not need.met(well=well)]


def main(arguments: list[str]) -> int:
    """0 when nothing is missing, else 1 and one line that says what and how."""
    lacking = missing(well="--install" in arguments)
    if lacking and "--install" in arguments and os.geteuid() == 0:
        needed = bool(missing())
        subprocess.run(["apt-get", "update", "-qq"], check=needed)
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *lacking]
        subprocess.run(command, check=needed, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    lacking = missing()
    if lacking:
        sys.stderr.write(f"Tests need {', '.join(lacking)}. On Debian: sudo apt-get install {' '.join(lacking)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
