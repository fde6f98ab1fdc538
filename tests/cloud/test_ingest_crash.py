"""The cloud is killed between its two commits: what was in both, in one or in neither is there once in the end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.cloud.told import NOW_MS, SITE, TENANT

MOISTURE = f"{TENANT}/{SITE}/zone-1/soil_moisture"
MINUTE_MS = NOW_MS // 60_000 * 60_000

CLOUD = """
import asyncio, json, os, sys
from pathlib import Path
from sqlalchemy import func, select
from tests.cloud.readings import rows
from tests.cloud.told import *
from tonnam_cloud.database import Database
from tonnam_cloud.ingest import keeping, quarantine
from tonnam_cloud.ingest.commit import Ingest
from tonnam_cloud.ingest.quarantine import Wanted
from tonnam_cloud.registry import repository
from tonnam_cloud.registry.models import Event, Gap
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_cloud.tables import metadata
from tonnam_link.wire.codec import encode_forward
from tonnam_link.messages import Forwarded

home, die_before, die_after = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
GATEWAY = Origin(TENANT, "gateway-1")
DAY_MS, MINUTE_MS = 86_400_000, NOW_MS // 60_000 * 60_000
database = Database(f"sqlite:///{home / 'tonnam.db'}")
metadata.create_all(database.engine)
with database.writing() as session:
    repository.add_node(session, *GATEWAY, words("Gateway"), NOW_MS)
    repository.add_node(session, TENANT, NODE, words("Cabinet"), NOW_MS, via=GATEWAY.node)
store = EmbeddedStore(home)
ingest = Ingest(database, store, lambda _topic, _payload: True, lambda: NOW_MS)
commits, keep = iter(range(1000)), keeping.keep


def dying(*arguments):
    number = next(commits)
    if number == die_before:
        os._exit(9)
    kept = keep(*arguments)
    if number == die_after:
        os._exit(9)
    return kept


keeping.keep = dying


def passed_on(sequence, payload):
    return received(encode_forward(GATEWAY, 5, sequence, Forwarded(ORIGIN, Channel.UP, payload)), node=GATEWAY.node)


gap = event("readings.gap", {"from_ms": 5, "to_ms": 9, "cause": "dropped"}, NOW_MS, "gap-1")
groups = [
    [received(sealed_dictionary())],
    [received(sealed_readings((NOW_MS, 26.0), (NOW_MS + 3 * DAY_MS, 99.0))), received(sealed_events(started(), gap))],
    [passed_on(1, sealed_readings((NOW_MS + 1, 27.0))), passed_on(2, sealed_aggregates((MINUTE_MS - 60_000, 25.0)))],
    [received(sealed_aggregates((MINUTE_MS - 120_000, 24.0), (MINUTE_MS, 50.0)))],
]


async def main():
    for group in groups:
        assert all(answer.verdict.releases for answer in await ingest.commit(group))


asyncio.run(main())
while store.maintain():
    pass
with database.reading() as session:
    counts = [session.scalar(select(func.count()).select_from(table)) for table in (Event, Gap)]
    aside = [entry.readings for entry in quarantine.find(session, Wanted())]
print(json.dumps({"rows": rows(store.series(f"{TENANT}/{SITE}/zone-1/soil_moisture", 0, 2**53)), "counts": counts,
    "aside": aside}))
"""


def cloud(home: Path, *, die_before: int = -1, die_after: int = -1) -> subprocess.CompletedProcess[str]:
    """One life of the cloud: the same groups come in, as nodes send again what was not answered."""
    command = [sys.executable, "-c", CLOUD, str(home), str(die_before), str(die_after)]
    root = Path(__file__).parents[2]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=root)


def test_a_cloud_killed_between_store_and_registry_has_everything_once(tmp_path: Path) -> None:
    for when, number in (("die_before", 1), ("die_after", 1), ("die_before", 2), ("die_before", 3)):
        killed = cloud(tmp_path, **{when: number})
        assert killed.returncode == 9, killed.stderr[-2000:]
    ended = cloud(tmp_path)
    assert ended.returncode == 0, ended.stderr[-2000:]
    found = json.loads(ended.stdout.splitlines()[-1])
    assert found["rows"] == [
        [MINUTE_MS - 120_000, 24.0, 0, None],
        [MINUTE_MS - 60_000, 25.0, 0, None],
        [NOW_MS, 26.0, 0, None],
        [NOW_MS + 1, 27.0, 0, None],
    ], "and the minute that has readings does not show its aggregate"
    assert found["counts"] == [2, 1]
    assert found["aside"] == [1]
