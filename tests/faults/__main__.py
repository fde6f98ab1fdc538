"""`make faults N=500 SEED=7 BROKER=nats`: as many faults as one likes, and a table of what came of them."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults.suite import Result, live_through
from tests.faults.table import table
from tests.faults.world import BROKERS, Setting

FAULTS_A_WORLD = 150
USAGE = "make faults [N=300] [SEED=1] [BROKER=nats|mosquitto]"


def settings(faults: int, seed: int, brokers: list[str]) -> Iterator[tuple[Setting, int]]:
    """Worlds one after the other, the brokers in turns, until all faults have found their place."""
    number = 0
    while faults > 0:
        yield Setting(seed + number // len(brokers), brokers[number % len(brokers)]), min(faults, FAULTS_A_WORLD)
        faults -= FAULTS_A_WORLD
        number += 1


def tell(setting: Setting, result: Result, home: Path, began: float) -> None:
    """One line for each world; all that is wrong, if anything is."""
    wrong = result.verdict.wrong
    verdict = f"{len(wrong)} WRONG" if wrong else "ok"
    seconds = time.monotonic() - began
    print(
        f"seed {setting.seed} on {setting.broker}: {result.struck} faults in {seconds:.0f} s: {verdict}", flush=True
    )
    if wrong:
        print(f"{result.told()}\nkept: {home}", flush=True)


def run(faults: int, seed: int, brokers: list[str]) -> int:
    """All worlds, the table, and 1 when anything is wrong."""
    results = []
    for setting, share in settings(faults, seed, brokers):
        began, home = time.monotonic(), Path(tempfile.mkdtemp(prefix=f"tonnam-faults-{setting.seed}-"))
        try:
            result = asyncio.run(live_through(setting, home, lambda world: world.suffer(share)))  # noqa: B023
        except AssertionError as error:
            print(f"seed {setting.seed} on {setting.broker}: {error}\nkept: {home}", flush=True)
            return 1
        tell(setting, result, home, began)
        results.append(result)
        if not result.verdict.wrong:
            shutil.rmtree(home)
    print(table(results))
    return any(result.verdict.wrong for result in results)


def main(words: list[str]) -> int:
    """Read `N=...` and the like; what is empty counts as not said."""
    given = {name: value for name, _, value in (word.partition("=") for word in words) if value}
    if given.keys() - {"N", "SEED", "BROKER"} or given.get("BROKER", "nats") not in BROKERS:
        sys.stderr.write(f"{USAGE}\n")
        return 2
    brokers = [given["BROKER"]] if "BROKER" in given else ["nats", "mosquitto"]
    return run(int(given.get("N", "300")), int(given.get("SEED", "1")), brokers)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
