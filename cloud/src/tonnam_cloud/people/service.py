"""Signing in and out, and keeping accounts. Every method is one transaction; call them from worker threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tonnam_cloud.database import Database
from tonnam_cloud.people import repository
from tonnam_cloud.people.models import Account, SignIn, SignInLink
from tonnam_cloud.people.passwords import Passwords, weakness
from tonnam_cloud.people.person import NAME_PATTERN, Person, Role, is_name
from tonnam_cloud.people.throttle import Throttle
from tonnam_cloud.people.tokens import new_token, token_hash
from tonnam_cloud.refusals import Invalid, NotFound, NotSignedIn, TooMany
from tonnam_cloud.registry.models import Tenant
from tonnam_cloud.words import Words

DAY_MS = 86_400_000
IDLE_MS = 14 * DAY_MS
"""A session that is unused for so long is over."""
LIFETIME_MS = 60 * DAY_MS
"""A session is over after so long, used or not."""
LINK_MS = 15 * 60_000
TOUCH_MS = 5 * 60_000
"""`used_ms` is written at most so often: looking at a page is not a reason to write to the disk."""

WRONG = Words(th="ชื่อผู้ใช้หรือรหัสผ่านไม่ถูกต้อง", en="The user name or the password is wrong.")
LINK_OVER = Words(
    th="ลิงก์นี้ใช้ไปแล้วหรือหมดอายุ กรุณาขอลิงก์ใหม่หรือใช้รหัสผ่าน",
    en="This link was used already or is too old. Ask for a new one, or use your password.",
)


@dataclass(frozen=True)
class SignedIn:
    """A person and the token that is now theirs."""

    person: Person
    token: str


class People:
    """Accounts and sessions over one database."""

    def __init__(self, database: Database, clock_ms: Callable[[], int], passwords: Passwords | None = None) -> None:
        self._database = database
        self._clock_ms = clock_ms
        self._passwords = passwords or Passwords()
        self._throttle = Throttle()

    def sign_in(self, name: str, password: str, address: str) -> SignedIn:
        """Check a password and begin a session. Raises NotSignedIn, or TooMany at this name and address."""
        name, now_ms = name.strip().lower(), self._clock_ms()
        wait_ms = self._throttle.wait_ms(name, address, now_ms)
        if wait_ms:
            raise TooMany(-(-wait_ms // 1000))
        self._throttle.failed(name, address, now_ms)  # before the check, so that tries at the same time count too
        with self._database.reading() as session:
            row = repository.account(session, name) if is_name(name) else None
            stored = row.password_hash if row else None
        if not self._passwords.verify(stored, password):
            raise NotSignedIn(WRONG, code="wrong_password")
        self._throttle.succeeded(name, address)
        return self._begin(name)

    def sign_in_by_link(self, token: str) -> SignedIn:
        """Spend a one-time link. Raises NotSignedIn when it is unknown, spent or too old."""
        with self._database.writing() as session:
            name = repository.take_link(session, token_hash(token), self._clock_ms())
        if name is None:
            raise NotSignedIn(LINK_OVER, code="link_over")
        return self._begin(name)

    def _begin(self, name: str) -> SignedIn:
        now_ms, token = self._clock_ms(), new_token()
        with self._database.writing() as session:
            repository.forget_old(
                session, used_before_ms=now_ms - IDLE_MS, created_before_ms=now_ms - LIFETIME_MS, now_ms=now_ms
            )
            row = repository.account(session, name)
            if row is None:
                raise NotSignedIn(WRONG, code="wrong_password")
            session.add(SignIn(token_hash=token_hash(token), account=name, created_ms=now_ms, used_ms=now_ms))
            return SignedIn(repository.person(session, row), token)

    def who(self, token: str | None) -> Person:
        """The person of a session. Raises NotSignedIn when there is none, or it is over."""
        if not token:
            raise NotSignedIn
        key, now_ms = token_hash(token), self._clock_ms()
        with self._database.reading() as session:
            found = repository.sign_in(session, key)
            if found is None or _is_over(found, now_ms):
                raise NotSignedIn
            row = repository.account(session, found.account)
            if row is None:
                raise NotSignedIn
            person, used_ms = repository.person(session, row), found.used_ms
        if now_ms - used_ms >= TOUCH_MS:
            self._touch(key, now_ms)
        return person

    def _touch(self, key: str, now_ms: int) -> None:
        with self._database.writing() as session:
            found = repository.sign_in(session, key)
            if found is not None:
                found.used_ms = max(found.used_ms, now_ms)

    def sign_out(self, token: str | None) -> None:
        if token:
            with self._database.writing() as session:
                repository.end_sign_in(session, token_hash(token))

    def put_account(
        self, name: str, *, display_name: str | None, roles: Mapping[str, Role], password: str | None
    ) -> bool:
        """Make an account, or give an existing one these roles besides its own. True when it is new.

        `password` None keeps the old one. Raises Invalid or NotFound (a tenant that does not exist).
        """
        if not is_name(name):
            raise Invalid(_say(f"{name!r} cannot be a user name: it must match {NAME_PATTERN}"))
        hashed = self._hash(password) if password is not None else None
        with self._database.writing() as session:
            _require_tenants(missing=[tenant for tenant in roles if session.get(Tenant, tenant) is None])
            row = repository.account(session, name)
            if new := row is None:
                row = Account(name=name, display_name=display_name or name, created_ms=self._clock_ms())
                session.add(row)
                session.flush()
            row.display_name = display_name or row.display_name
            if hashed:
                row.password_hash = hashed
            repository.set_roles(session, name, roles)
            return new

    def set_password(self, name: str, password: str) -> None:
        """Change a password and end every session and link of the account. Raises NotFound or Invalid."""
        hashed = self._hash(password)
        with self._database.writing() as session:
            _account(repository.account(session, name), name).password_hash = hashed
            repository.end_all_sign_ins(session, name)

    def new_link(self, name: str) -> str:
        """A token that signs this person in once, within 15 minutes. Raises NotFound."""
        token = new_token()
        with self._database.writing() as session:
            _account(repository.account(session, name), name)
            expires_ms = self._clock_ms() + LINK_MS
            session.add(SignInLink(token_hash=token_hash(token), account=name, expires_ms=expires_ms))
        return token

    def everybody(self) -> Sequence[Person]:
        """Every account with its roles, by name."""
        with self._database.reading() as session:
            return [repository.person(session, row) for row in repository.accounts(session)]

    def _hash(self, password: str) -> str:
        wrong = weakness(password)
        if wrong:
            raise Invalid(_say(f"this password cannot be used: {wrong}"))
        return self._passwords.hash(password)


def _is_over(session: SignIn, now_ms: int) -> bool:
    return now_ms - session.used_ms >= IDLE_MS or now_ms - session.created_ms >= LIFETIME_MS


def _account(row: Account | None, name: str) -> Account:
    if row is None:
        raise NotFound(_say(f"there is no user {name!r}"))
    return row


def _require_tenants(missing: Sequence[str]) -> None:
    if missing:
        raise NotFound(_say(f"there is no tenant {missing[0]!r}; a tenant is made by `tonnam-cloud node add`"))


def _say(text: str) -> Words:
    """For the command line, which speaks English only."""
    return Words(th=text, en=text)
