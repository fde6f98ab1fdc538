"""Puts a broker's configuration on the disk, whole files at a time."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from tonnam_cloud.errors import CloudError

CERTIFICATE, KEY = "certificate.pem", "key.pem"
"""Copies of a pair that fits: the broker never meets a renewal that is half done, nor needs to read the originals."""
VERSION = "version"
"""Written last, and different whenever anything is: who watches this file need not watch the others."""


def is_written(directory: Path) -> bool:
    """Whether there is a configuration already: an empty registry in a wrong place must not take its place, because
    that would put every node off the broker."""
    return (directory / VERSION).exists()


def version_of(files: Mapping[str, str]) -> str:
    """What tells one state of a configuration from another."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"\0{name}\0{files[name]}".encode())
    return digest.hexdigest()


def write_files(directory: Path, files: Mapping[str, str], version: str) -> None:
    """Put each file in place of the old one, at once or not at all, readable by us only: we run as the broker's user.

    Raises CloudError that names the directory.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in {**files, VERSION: version + "\n"}.items():
            _replace(directory / name, text)
    except OSError as error:
        raise CloudError(f"the broker's configuration cannot be written to {directory}: {error.strerror}") from error


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
