"""Passwords, tokens, throttling: the parts without a database."""

from __future__ import annotations

from typing import Literal

import pytest
from argon2 import PasswordHasher

from tonnam_cloud.people.passwords import Passwords, made_up_password, weakness
from tonnam_cloud.people.person import Person, Role, is_name
from tonnam_cloud.people.throttle import FREE_TRIES, MOST_KEYS, Throttle
from tonnam_cloud.people.tokens import new_token, token_hash


class CountingHasher(PasswordHasher):
    """Argon2 that counts how often it worked."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=1024)
        self.checks = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        self.checks += 1
        return super().verify(hash, password)


def test_password_fits_only_its_own_hash() -> None:
    passwords = Passwords(CountingHasher())
    stored = passwords.hash("น้ำไหลไฟสว่าง")
    assert stored.startswith("$argon2id$")
    assert passwords.verify(stored, "น้ำไหลไฟสว่าง")
    assert not passwords.verify(stored, "น้ำไหลไฟดับ")
    assert not passwords.verify("not a hash", "anything")


def test_unknown_name_costs_the_same_work_as_a_wrong_password() -> None:
    hasher = CountingHasher()
    passwords = Passwords(hasher)
    assert not passwords.verify(None, "whatever it is")
    assert hasher.checks == 1


@pytest.mark.parametrize(
    ("password", "fine"), [("short", False), ("aaaaaaaaaaaa", False), ("x" * 300, False), ("correct horse", True)]
)
def test_weak_passwords_are_refused(password: str, fine: bool) -> None:
    assert (weakness(password) is None) is fine


def test_made_up_passwords_are_strong_and_differ() -> None:
    one, other = made_up_password(), made_up_password()
    assert one != other
    assert weakness(one) is None


def test_stored_token_does_not_show_the_token() -> None:
    token = new_token()
    assert token != new_token()
    assert token not in token_hash(token)


def test_guessing_is_slowed_down_more_and_more() -> None:
    throttle, now_ms, waits = Throttle(), 0, []
    for _ in range(FREE_TRIES + 3):
        wait_ms = throttle.wait_ms("somchai", "10.0.0.1", now_ms)
        waits.append(wait_ms)
        now_ms += wait_ms
        throttle.failed("somchai", "10.0.0.1", now_ms)
    assert waits == [0] * FREE_TRIES + [2_000, 4_000, 8_000]


def test_guessing_elsewhere_locks_nobody_out_at_home() -> None:
    throttle = Throttle()
    for _ in range(50):
        throttle.failed("somchai", "203.0.113.9", 0)
    assert throttle.wait_ms("somchai", "203.0.113.9", 1) > 0
    assert throttle.wait_ms("somchai", "10.0.0.1", 1) == 0
    assert throttle.wait_ms("malee", "203.0.113.9", 1) == 0


def test_failures_are_forgotten_after_success_and_after_a_while() -> None:
    throttle = Throttle()
    for _ in range(10):
        throttle.failed("a", "x", 0)
        throttle.failed("b", "x", 0)
    throttle.succeeded("a", "x")
    assert throttle.wait_ms("a", "x", 1) == 0
    assert throttle.wait_ms("b", "x", 1) > 0
    assert throttle.wait_ms("b", "x", 3_600_000) == 0


def test_throttle_does_not_grow_without_end() -> None:
    throttle = Throttle()
    for number in range(MOST_KEYS + 10):
        throttle.failed(f"n{number}", "x", 0)
    assert len(throttle._failures) == MOST_KEYS


def test_roles_hold_in_their_own_tenant_only() -> None:
    person = Person("malee", "Malee", {"farm-a": Role.FARMER, "town": Role.VIEWER})
    assert person.may_command("farm-a")
    assert person.may_see("town")
    assert not person.may_command("town")
    assert not person.may_see("farm-b")
    assert person.main_role is Role.FARMER


@pytest.mark.parametrize(("name", "fine"), [("somchai.k", True), ("Somchai", False), ("", False), ("a" * 33, False)])
def test_user_names_are_plain(name: str, fine: bool) -> None:
    assert is_name(name) is fine
