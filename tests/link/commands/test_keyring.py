"""The keys that a node trusts: changed without a visit, never back, and kept across whatever ends the process."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.signed import PUBLIC
from tonnam_link.commands.keyring import Keyring
from tonnam_link.commands.refusals import Forged
from tonnam_link.commands.signing import public_key, public_text
from tonnam_link.errors import Rejected

SECOND, THIRD = (public_text(public_key(bytes([number] * 32))) for number in (2, 3))


def document(serial: int, *keys: str) -> bytes:
    return msgspec.json.encode({"kind": "keys", "serial": serial, "keys": keys})


def trusted(keys: Keyring) -> list[str]:
    return [public_text(public) for public in keys.trusted.values()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def test_the_first_key_counts_until_the_cloud_tells_of_others(path: Path) -> None:
    keys = Keyring(path, PUBLIC)
    assert (trusted(keys), keys.serial) == ([PUBLIC], 0)
    assert keys.learn(document(1, PUBLIC, SECOND))
    assert (trusted(keys), keys.serial) == ([PUBLIC, SECOND], 1)
    assert keys.learn(document(7, THIRD))
    assert (trusted(keys), keys.serial, keys.unkept) == ([THIRD], 7, True)


def test_without_any_key_nobody_is_trusted(path: Path) -> None:
    for keys in (Keyring(), Keyring(path), Keyring(path, "")):
        assert (dict(keys.trusted), keys.serial, keys.ids) == ({}, 0, [])
        keys.keep()
    assert not path.exists()


def test_what_was_kept_outlives_the_process_and_the_first_key_does_not_bring_a_retired_one_back(path: Path) -> None:
    keys = Keyring(path, PUBLIC)
    keys.learn(document(2, SECOND))
    keys.keep()
    assert not keys.unkept
    for first in (PUBLIC, None, SECOND):
        again = Keyring(path, first)
        assert (trusted(again), again.serial) == ([SECOND], 2)


def test_a_first_key_that_the_cloud_announced_meanwhile_is_not_trusted_anew_once_it_is_retired(path: Path) -> None:
    """Somebody writes the second key into the node's settings; later the cloud retires it."""
    keys = Keyring(path, PUBLIC)
    keys.learn(document(1, PUBLIC, SECOND))
    keys.keep()
    edited = Keyring(path, SECOND)
    assert edited.unkept
    edited.learn(document(2, THIRD))
    edited.keep()
    assert trusted(Keyring(path, SECOND)) == [THIRD]


def test_another_first_key_is_a_persons_word_at_the_node_and_begins_anew(path: Path) -> None:
    keys = Keyring(path, PUBLIC)
    keys.learn(document(5, SECOND))
    keys.keep()
    anew = Keyring(path, THIRD)
    assert (trusted(anew), anew.serial) == ([THIRD], 0)


def test_older_documents_are_refused_and_the_same_again_changes_nothing() -> None:
    keys = Keyring(None, PUBLIC)
    keys.learn(document(3, SECOND))
    with pytest.raises(Forged):
        keys.learn(document(2, PUBLIC))
    assert not keys.learn(document(3, PUBLIC))
    assert trusted(keys) == [SECOND]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        document(1),
        document(0, SECOND),
        document(-1, SECOND),
        document(2**53 + 1, SECOND),
        document(1, "ed25519:AAAA"),
        document(1, *[SECOND] * 9),
        b'{"kind":"keys","serial":1.5,"keys":["' + SECOND.encode() + b'"]}',
        b'{"kind":"other","serial":1,"keys":["' + SECOND.encode() + b'"]}',
    ],
)
def test_a_malformed_document_is_rejected_and_changes_nothing(body: bytes) -> None:
    keys = Keyring(None, PUBLIC)
    with pytest.raises(Rejected):
        keys.learn(body)
    assert (trusted(keys), keys.serial) == ([PUBLIC], 0)


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_arbitrary_documents_are_rejected(body: bytes) -> None:
    with pytest.raises(Rejected):
        Keyring(None, PUBLIC).learn(body)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"first":"","serial":1,"keys":["x"]}', b"[" * 9_000])
def test_a_damaged_file_makes_the_first_key_count_again_and_is_told(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    keys = Keyring(path, PUBLIC)
    assert trusted(keys) == [PUBLIC]
    assert keys.damaged is not None
    keys.learn(document(4, SECOND))
    keys.keep()
    assert Keyring(path, PUBLIC).damaged is None


def test_a_disk_that_takes_nothing_leaves_the_old_file_whole_and_the_new_keys_counting(path: Path) -> None:
    keys = Keyring(path, PUBLIC)
    keys.learn(document(1, SECOND))
    keys.keep()
    before = path.read_bytes()
    part = path.with_name("keys.json.part")
    part.mkdir()  # writing beside the file fails
    keys.learn(document(2, THIRD))
    with pytest.raises(OSError, match="directory"):
        keys.keep()
    assert (trusted(keys), keys.unkept, path.read_bytes()) == ([THIRD], True, before)
    part.rmdir()
    keys.keep()
    assert trusted(Keyring(path, PUBLIC)) == [THIRD]


def test_the_file_is_its_owners(path: Path) -> None:
    keys = Keyring(path, PUBLIC)
    keys.learn(document(1, SECOND))
    keys.keep()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_first_key_that_is_none_is_said_so(path: Path) -> None:
    with pytest.raises(ValueError, match="ed25519"):
        Keyring(path, "ed25519:nonsense")
