"""Plays many seasons at a time, and keeps what came of them, so that a long table can be made in several goes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.wateruse.season import Job, Result, play


def play_all(wanted: Sequence[Job], processes: int, keep: Path | None) -> list[Result]:
    """The results of all, in their order. Seasons that `keep` has are not played again."""
    found = {result.job: result for result in _kept(keep)}
    missing = [job for job in wanted if job not in found]
    for result in _played(missing, processes):
        found[result.job] = result
        if keep is not None:
            with keep.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(result)) + "\n")
    return [found[job] for job in wanted]


def _played(missing: Sequence[Job], processes: int) -> Iterator[Result]:
    if processes == 1:
        yield from map(play, missing)
        return
    with ProcessPoolExecutor(max_workers=processes) as pool:
        yield from pool.map(play, missing)


def _kept(keep: Path | None) -> Iterator[Result]:
    if keep is None or not keep.exists():
        return
    for line in keep.read_text(encoding="utf-8").splitlines():
        plain: dict[str, Any] = json.loads(line)
        yield Result(Job(**plain.pop("job")), **plain)
