"""The quarantine at the command line: listed, shown, exported, replayed and dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import inspect
from typer.testing import CliRunner, Result

from tests.cloud.test_quarantine import put
from tests.cloud.told import (
    DICTIONARY,
    EPOCH,
    NODE,
    NOW_MS,
    ORIGIN,
    TENANT,
    sealed_dictionary,
    sealed_events,
    sealed_outcomes,
    sealed_readings,
    started,
)
from tonnam_cloud.database import Database
from tonnam_cloud.ingest import quarantine
from tonnam_cloud.ingest.account import account
from tonnam_cloud.ingest.commit import Ingest
from tonnam_cloud.ingest.quarantine import Wanted
from tonnam_cloud.main import app
from tonnam_cloud.registry import repository
from tonnam_cloud.store.embedded import EmbeddedStore
from tonnam_link.messages import CommandState, Forwarded, Outcome
from tonnam_link.topics import Channel, Origin
from tonnam_link.wire.codec import encode_forward


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """The database of an installation, as commands find it."""
    monkeypatch.setenv("TONNAM_DATA", str(tmp_path / "data"))
    assert run("node", "add", TENANT, NODE).exit_code == 0
    database = Database(f"sqlite:///{tmp_path}/data/tonnam.db")
    yield database
    database.close()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def shown(*arguments: str) -> str:
    result = run("quarantine", *arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_the_quarantine_is_listed_with_its_reasons(home: Database) -> None:
    put(home, b"xyz")
    put(home, b"other")
    assert f"{TENANT} {NODE}  3 bytes: why not" in shown("list")
    assert len(shown("list", "--limit", "1").splitlines()) == 1
    nothing = run("quarantine", "list", "--node", "demo-farm/edge-9")
    assert (nothing.exit_code, nothing.stdout, nothing.stderr) == (0, "", "nothing matches\n")
    wrong = run("quarantine", "list", "--node", "edge-1")
    assert (wrong.exit_code, "Invalid value for --node" in wrong.stderr) == (2, True)


@pytest.mark.parametrize("number", ["0", "x", str(2**31), str(2**64), f"-{2**64}"])
@pytest.mark.parametrize("command", ["show", "drop", "replay"])
def test_what_is_no_number_of_a_row_is_refused_before_the_database_trips_over_it(command: str, number: str) -> None:
    refused = run("quarantine", command, "--", number)
    assert (refused.exit_code, "Invalid value for" in refused.stderr) == (2, True)


def test_rows_are_found_without_reading_the_gigabyte_that_they_may_hold(home: Database) -> None:
    put(home, b"xyz")
    with home.reading() as session:
        (entry,) = quarantine.find(session, Wanted())
        assert inspect(entry).unloaded == {"payload"}


def test_a_batch_is_shown_as_far_as_it_can_be_known(home: Database) -> None:
    put(home, sealed_readings((NOW_MS, 26.4), (NOW_MS + 60_000, None)))
    said = shown("show", "1")
    assert "wire version 2" in said
    assert f"as {TENANT}/{NODE} has sealed it" in said
    assert f"readings, epoch {EPOCH}" in said
    assert f"its dictionary {DICTIONARY.hash} is not known here" in said
    with home.writing() as session:
        repository.keep_dictionary(session, TENANT, DICTIONARY.hash, DICTIONARY.body, 0)
    assert (
        "melon-greenhouse/zone-1/soil_moisture: 26.4 % (good), the first of 2 from 2026-11-18 11:06:40 UTC"
        in shown("show", "1")
    )


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (sealed_events(started()), "event run.started of 2026-11-18"),
        (sealed_outcomes(Outcome("c-1", CommandState.DONE, NOW_MS)), "outcome done of command c-1"),
        (sealed_dictionary(), "a dictionary of 3 datastreams"),
        (b"\x03" + sealed_events(started())[1:], "wire version 3 (here it is 2)"),
        (b"", "the message was empty"),
        (b"\x02", "no epoch and sequence can be found"),
        (b"x" * 400_000, "400000 bytes, of which the first 263168 are kept"),
        (b"x" * 400_000, "nobody can tell any more whether it is as demo-farm/edge-1 has sealed it"),
        (
            encode_forward(ORIGIN, 5, 9, Forwarded(Origin(TENANT, "edge-2"), Channel.BACK, b"\x02abc")),
            f"passes on a batch of {TENANT}/edge-2 for back, 4 bytes",
        ),
    ],
)
def test_every_kind_of_bytes_is_shown(home: Database, payload: bytes, says: str) -> None:
    put(home, payload)
    assert says in shown("show", "1")


@given(st.binary(max_size=200), st.booleans(), st.integers(0, 80))
@settings(max_examples=150, deadline=None)
def test_whatever_the_bytes_are_they_can_be_accounted_for(noise: bytes, inside: bool, at: int) -> None:
    payload = sealed_events(started())
    payload = payload[:at] + noise + payload[at + len(noise) :] if inside else noise
    lines = list(account(payload, ORIGIN, lambda _tenant, _name: DICTIONARY))
    assert lines
    assert all(line.isprintable() for line in lines)


def test_a_batch_is_exported_byte_by_byte_and_dropped_for_good(home: Database, tmp_path: Path) -> None:
    payload = sealed_events(started())
    put(home, payload)
    shown("export", "1", str(tmp_path / "batch"))
    assert (tmp_path / "batch").read_bytes() == payload
    assert CliRunner().invoke(app, ("quarantine", "export", "1", "-")).stdout_bytes == payload
    refused = run("quarantine", "export", "1", str(tmp_path / "no" / "where"))
    assert (refused.exit_code, "cannot be written" in refused.stderr) == (1, True)
    assert shown("drop", "1") == "deleted: 1\n"
    gone = run("quarantine", "drop", "1")
    assert (gone.exit_code, gone.stderr.strip()) == (1, "tonnam-cloud: there is no 1 in quarantine")
    assert run("quarantine", "show", "1").exit_code == 1


def test_a_replay_without_a_running_cloud_says_what_will_be(home: Database) -> None:
    put(home, sealed_events(started()))
    asked = run("quarantine", "replay", "1", "--wait", "0")
    assert (asked.exit_code, asked.stdout) == (1, "1  waits for the cloud\n")
    assert "1 not tried yet: tonnam-cloud serve does it as soon as it can" in asked.stderr
    missing = run("quarantine", "replay", "7", "--wait", "0")
    assert (missing.exit_code, "there is no 7 in quarantine" in missing.stderr) == (1, True)
    nothing = run("quarantine", "replay")
    assert (nothing.exit_code, "say which" in nothing.stderr) == (2, True)


async def test_a_replay_is_told_what_the_running_cloud_did_with_it(home: Database, tmp_path: Path) -> None:
    put(home, sealed_events(started()))
    put(home, b"nonsense")
    store = EmbeddedStore(tmp_path / "store")
    ingest = Ingest(home, store, lambda _topic, _payload: True, lambda: NOW_MS)
    serving = asyncio.create_task(ingest.run())
    told = await asyncio.to_thread(run, "quarantine", "replay", "--node", f"{TENANT}/{NODE}")
    assert told.exit_code == 0
    assert told.stdout.splitlines()[-2:] == ["1  stored", "2  still: garbled, or not sealed for this node"]
    again = await asyncio.to_thread(run, "quarantine", "replay", "1")
    assert again.stdout == "nothing to replay: all of these are stored\n"
    assert ingest.status.replayed == 1
    assert "[stored by replay]" in shown("list", "--reason", "why")
    serving.cancel()
    await asyncio.wait({serving})
    ingest.close()
    store.close()
