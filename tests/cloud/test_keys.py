"""The cloud's keys: made once, kept to themselves, changed without a visit to any node."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from tonnam_cloud.database import Database
from tonnam_cloud.errors import Misconfigured, Rejected
from tonnam_cloud.keys.announce import SEND_AGAIN_MS, Announcements
from tonnam_cloud.keys.vault import FILE, FOLDER, FURTHEST, CloudKey, Vault
from tonnam_cloud.main import app
from tonnam_cloud.opening import open_database
from tonnam_cloud.registry import repository
from tonnam_cloud.settings import read_settings
from tonnam_link.commands.keyring import MOST_KEYS, Keyring
from tonnam_link.commands.signing import open_signed
from tonnam_link.topics import Channel, Origin

NODE, OTHER = Origin("demo-farm", "edge-1"), Origin("demo-farm", "edge-2")
NOW_MS = 1_795_000_000_000
Run = Callable[..., Result]


def vault_in(folder: Path) -> Vault:
    return Vault(folder, lambda: NOW_MS)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return vault_in(tmp_path)


def obeys(keys: Keyring, vault: Vault) -> bool:
    """Whether a node obeys what the vault signs for it."""
    envelope = vault.signer(keys.ids).sign(Channel.COMMAND, NODE, b"water")
    return open_signed(envelope, keys.trusted, Channel.COMMAND, NODE).body == b"water"


def hears(keys: Keyring, vault: Vault) -> None:
    """A node gets the newest key document, as it is sent to it."""
    envelope = vault.signer(keys.ids).sign(Channel.CONFIG, NODE, vault.document())
    keys.learn(open_signed(envelope, keys.trusted, Channel.CONFIG, NODE).body)


def test_the_first_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        first = vault_in(tmp_path / "data").current
    finally:
        os.umask(before)
    assert vault_in(tmp_path / "data").current == first
    assert (tmp_path / "data" / FOLDER).stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "data" / FOLDER / FILE).stat().st_mode & 0o777 == 0o600


def test_processes_that_start_together_have_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: vault_in(tmp_path).current.id, range(16)))
    assert len(keys) == 1


def test_a_private_key_is_in_no_text_of_it(vault: Vault) -> None:
    key = vault.current
    texts = f"{key} {key!r} {vault.keys} {vault.document()!r} {key.public}"
    for secret in (key.private.hex(), base64.b64encode(key.private).decode(), repr(key.private)[2:-1]):
        assert secret not in texts


def test_a_new_key_signs_for_who_trusts_it_and_the_old_one_for_the_others(vault: Vault) -> None:
    old = Keyring(None, vault.current.public)
    assert obeys(old, vault)
    new_key = vault.rotate()
    assert vault.current == new_key
    assert obeys(old, vault)
    assert obeys(Keyring(None, new_key.public), vault)
    hears(old, vault)
    assert (old.serial, old.ids) == (1, [key.id for key in vault.keys])
    first = vault.keys[0]
    vault.retire(first.id)
    hears(old, vault)
    assert (old.serial, old.ids) == (2, [new_key.id])
    assert obeys(old, vault)


@given(st.lists(st.sampled_from(["rotate", "retire", "node hears", "node restarts", "cloud restarts"]), max_size=14))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_node_can_be_commanded_at_any_time_however_long_it_was_away(
    tmp_path_factory: pytest.TempPathFactory, script: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("keys")
    vault, path = vault_in(folder), folder / "node.json"
    first = vault.current.public
    keys = Keyring(path, first)
    for step in script:
        accepted = [key for key in vault.keys if key.retired_ms is None]
        if step == "rotate" and len(accepted) < MOST_KEYS:
            vault.rotate()
        elif step == "retire" and len(accepted) > 1:
            vault.retire(accepted[0].id)
        elif step == "node hears" and keys.serial < vault.serial:
            hears(keys, vault)
            keys.keep()
        elif step == "node restarts":
            keys = Keyring(path, first)
        elif step == "cloud restarts":
            vault = vault_in(folder)
        assert obeys(keys, vault)
    if vault.serial:
        hears(keys, vault)
    assert keys.ids == [key.id for key in vault.keys if key.retired_ms is None]


def test_what_another_process_changes_counts_at_once(tmp_path: Path) -> None:
    serving, command_line = vault_in(tmp_path), vault_in(tmp_path)
    key = command_line.rotate()
    assert (serving.current, serving.serial) == (key, 1)


def test_what_cannot_be_retired_is_said(vault: Vault) -> None:
    first = vault.current
    with pytest.raises(Rejected, match="the one that signs"):
        vault.retire(first.id)
    with pytest.raises(Rejected, match="no key"):
        vault.retire("00" * 8)
    vault.rotate()
    vault.retire(first.id)
    with pytest.raises(Rejected, match="retired already"):
        vault.retire(first.id)
    for _ in range(MOST_KEYS - 1):
        vault.rotate()
    with pytest.raises(Rejected, match="retire one first"):
        vault.rotate()


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"serial":0,"keys":[]}', b'{"serial":0,"keys":[{"private":"AAAA","made_ms":1}]}']
)
def test_a_damaged_file_stops_the_start_and_is_not_written_over(tmp_path: Path, content: bytes) -> None:
    vault_in(tmp_path)
    path = tmp_path / FOLDER / FILE
    path.write_bytes(content)
    with pytest.raises(Misconfigured, match="backup"):
        vault_in(tmp_path)
    assert path.read_bytes() == content


def test_a_file_that_goes_away_while_it_runs_changes_nothing_and_is_said_once(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    key, path = vault.current, tmp_path / FOLDER / FILE
    content = path.read_bytes()
    with structlog.testing.capture_logs() as logs:
        path.unlink()
        assert [vault.current for _ in range(3)] == [key] * 3
        path.write_bytes(b"{")
        assert vault.current == key
        path.write_bytes(content)
        assert vault.current == key
    assert [log["log_level"] for log in logs][:2] == ["warning", "warning"]
    assert sum("cannot be read" in log["event"] for log in logs) == 2


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file")
    with pytest.raises(Misconfigured, match="TONNAM_DATA"):
        vault_in(tmp_path)


def test_keys_restored_from_an_older_copy_are_rotated_beyond_what_nodes_know(tmp_path: Path) -> None:
    vault, path = vault_in(tmp_path), tmp_path / FOLDER / FILE
    node = Keyring(None, vault.current.public)
    backup = path.read_bytes()
    vault.rotate()
    hears(node, vault)
    path.write_bytes(backup)
    restored = vault_in(tmp_path)
    assert obeys(node, restored)
    assert restored.rotate(known_serial=node.serial).id
    hears(node, restored)
    assert node.serial == restored.serial == 2


def test_a_node_that_lies_about_its_serial_does_not_use_up_the_serials(vault: Vault) -> None:
    vault.rotate(known_serial=2**53)
    assert vault.serial == 1
    vault.rotate(known_serial=FURTHEST)
    assert vault.serial == FURTHEST + 1


class Sent:
    """What was published on config topics, as the nodes read it."""

    def __init__(self) -> None:
        self.payloads: list[tuple[str, bytes]] = []
        self.online = True

    def publish(self, topic: str, payload: bytes) -> bool:
        if self.online:
            self.payloads.append((topic, payload))
        return self.online


def is_there(database: Database, origin: Origin, keys: Keyring) -> None:
    """A node's presence, as ingest keeps it."""
    with database.writing() as session:
        repository.add_node(session, *origin, {"th": "", "en": ""}, NOW_MS)
        repository.presence(session, *origin, True, "session", NOW_MS)
        repository.trust(session, *origin, keys.serial, keys.ids)


async def test_who_is_behind_is_told_until_it_has_heard(database: Database, vault: Vault) -> None:
    sent, now_ms = Sent(), [NOW_MS]
    news = Announcements(database, sent.publish, vault, lambda: now_ms[0])
    keys = Keyring(None, vault.current.public)
    is_there(database, NODE, keys)
    await news.round()
    assert sent.payloads == []
    vault.rotate()
    sent.online = False
    await news.round()
    sent.online = True
    for _ in range(3):
        await news.round()
    ((topic, payload),) = sent.payloads
    assert topic == "tonnam/1/demo-farm/edge-1/config"
    now_ms[0] += SEND_AGAIN_MS
    await news.round()
    assert len(sent.payloads) == 2
    keys.learn(open_signed(payload, keys.trusted, Channel.CONFIG, NODE).body)
    is_there(database, NODE, keys)
    now_ms[0] += SEND_AGAIN_MS
    await news.round()
    assert len(sent.payloads) == 2
    vault.rotate()
    await news.round()
    assert len(sent.payloads) == 3


async def test_nodes_that_only_a_person_can_help_are_named_once(database: Database, vault: Vault) -> None:
    stranger, ahead = Keyring(None, CloudKey(b"s" * 32, 0).public), Keyring(None, vault.current.public)
    ahead.learn(msgspec.json.encode({"kind": "keys", "serial": 5, "keys": [vault.current.public]}))
    is_there(database, NODE, stranger)
    is_there(database, OTHER, ahead)
    sent = Sent()
    news = Announcements(database, sent.publish, vault, lambda: NOW_MS)
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            await news.round()
        vault.rotate()
        await news.round()
    assert sent.payloads == []
    assert [(log["node"], log["event"]) for log in logs] == [
        ("demo-farm/edge-1", "a node obeys none of our keys"),
        ("demo-farm/edge-2", "a node knows newer keys than we have"),
    ]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line over a directory of its own."""
    monkeypatch.setenv("TONNAM_DATA", str(tmp_path))
    open_database(read_settings()).close()
    return lambda *arguments: CliRunner().invoke(app, ["keys", *arguments])


def test_the_command_line_shows_changes_and_retires_keys(run: Run, tmp_path: Path) -> None:
    public = run("public").stdout.strip()
    assert public == vault_in(tmp_path).current.public
    first, database = vault_in(tmp_path).current, Database(f"sqlite:///{tmp_path / 'tonnam.db'}")
    assert f"{first.id}  signs" in run("list").stdout
    node = Keyring(None, public)
    is_there(database, NODE, node)
    rotated = run("rotate")
    assert rotated.exit_code == 0
    assert f"tonnam-cloud keys retire {first.id}" in rotated.stdout
    listed = run("list").stdout
    assert f"{first.id}  accepted" in listed
    assert "demo-farm edge-1: has not heard of the newest keys yet" in listed
    assert "as they connect: 1" in run("retire", first.id).stdout
    hears(node, vault_in(tmp_path))
    is_there(database, NODE, node)
    listed = run("list").stdout
    assert f"{first.id}  retired" in listed
    assert "edge-1" not in listed
    assert base64.b64encode(first.private).decode() not in listed


@pytest.mark.parametrize("keys", [Keyring(), Keyring(None, CloudKey(b"s" * 32, 0).public)])
def test_the_list_names_nodes_that_obey_nothing_of_ours(run: Run, tmp_path: Path, keys: Keyring) -> None:
    run("list")
    is_there(Database(f"sqlite:///{tmp_path / 'tonnam.db'}"), NODE, keys)
    assert "demo-farm edge-1: " in run("list").stdout
    assert "TONNAM_CLOUD_KEY" in run("list").stdout


@pytest.mark.parametrize("command", [("public",), ("list",), ("rotate",), ("retire", "00" * 8)])
def test_commands_in_a_wrong_directory_make_no_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """Else a leaked key is believed to be retired, because some other directory says so."""
    monkeypatch.setenv("TONNAM_DATA", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("TONNAM_DATABASE_URL", f"sqlite:///{tmp_path / 'shared.sqlite'}")
    result = CliRunner().invoke(app, ["keys", *command])
    assert result.exit_code == 2
    assert "is that the cloud's directory?" in result.output
    assert not (tmp_path / "elsewhere").exists()


def test_the_key_is_made_before_the_first_start_by_who_asks_for_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nodes beside a new cloud need the key before it runs: deploy/cloud/start."""
    monkeypatch.setenv("TONNAM_DATA", str(tmp_path / "new"))
    made = CliRunner().invoke(app, ["keys", "public", "--make"])
    assert (made.exit_code, made.stdout) == (0, f"{vault_in(tmp_path / 'new').current.public}\n")
    assert CliRunner().invoke(app, ["keys", "public"]).stdout == made.stdout


def test_a_node_is_given_no_key_that_nobody_signs_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONNAM_DATABASE_URL", f"sqlite:///{tmp_path / 'shared.sqlite'}")
    monkeypatch.setenv("TONNAM_DATA", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("TONNAM_BROKER", "mqtt://broker.example")
    assert CliRunner().invoke(app, ["node", "add", "demo-farm", "edge-1"]).exit_code == 0
    result = CliRunner().invoke(app, ["node", "credentials", "demo-farm", "edge-1"])
    assert (result.exit_code, "TONNAM_CLOUD_KEY" in result.output) == (2, False)
    assert "is that the cloud's directory?" in result.output


def test_what_cannot_be_done_is_one_clear_line(run: Run, tmp_path: Path) -> None:
    key = run("list").stdout.split()[0]
    refused = run("retire", key)
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert "rotate" in refused.stderr
    (tmp_path / FOLDER / FILE).write_text("{")
    assert run("public").exit_code == 1
    assert "backup" in run("public").stderr
