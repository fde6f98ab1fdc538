"""Is the process beside me alive? For health checks in containers: exit 0 if so, else 1 and one line.

health.py http URL           the URL answers with 200
health.py fresh DIR SECONDS  something in DIR was written in the last SECONDS: a node saves what it has accepted
"""

from __future__ import annotations

import sys
import time
import urllib.error
import urllib.request
from pathlib import Path


def answers(url: str) -> str:
    """Empty when the URL answers with 200, else why not."""
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:
            return "" if answer.status == 200 else f"{url} answers {answer.status}"
    except (urllib.error.URLError, OSError, ValueError) as error:
        return f"{url}: {error}"


def written(directory: str, seconds: float) -> str:
    """Empty when a file of the directory is younger than that, else how old the youngest is."""
    try:
        youngest = max((one.stat().st_mtime for one in Path(directory).iterdir() if one.is_file()), default=0.0)
    except OSError as error:
        return str(error)
    age_s = time.time() - youngest
    return "" if age_s <= seconds else f"nothing in {directory} was written for {age_s:.0f} s"


def main(arguments: list[str]) -> int:
    """0 when well."""
    match arguments:
        case ["http", url]:
            trouble = answers(url)
        case ["fresh", directory, seconds]:
            trouble = written(directory, float(seconds))
        case _:
            trouble = __doc__ or ""
    sys.stderr.write(trouble + "\n" if trouble else "")
    return 1 if trouble else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
