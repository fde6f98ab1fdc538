"""Reads and writes of the people tables, within a transaction that the caller holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tonnam_cloud.people.models import Account, Membership, SignIn, SignInLink
from tonnam_cloud.people.person import Person, Role


def account(session: Session, name: str) -> Account | None:
    return session.get(Account, name)


def accounts(session: Session) -> Sequence[Account]:
    return session.scalars(select(Account).order_by(Account.name)).all()


def roles(session: Session, name: str) -> dict[str, Role]:
    rows = session.scalars(select(Membership).where(Membership.account == name))
    return {row.tenant: Role(row.role) for row in rows}


def person(session: Session, row: Account) -> Person:
    return Person(row.name, row.display_name, roles(session, row.name))


def set_roles(session: Session, name: str, wanted: Mapping[str, Role]) -> None:
    """Give the roles; those in other tenants stay."""
    for tenant, role in wanted.items():
        session.merge(Membership(account=name, tenant=tenant, role=role.value))


def sign_in(session: Session, token_hash: str) -> SignIn | None:
    return session.get(SignIn, token_hash)


def end_sign_in(session: Session, token_hash: str) -> None:
    session.execute(delete(SignIn).where(SignIn.token_hash == token_hash))


def end_all_sign_ins(session: Session, name: str) -> None:
    session.execute(delete(SignIn).where(SignIn.account == name))
    session.execute(delete(SignInLink).where(SignInLink.account == name))


def forget_old(session: Session, *, used_before_ms: int, created_before_ms: int, now_ms: int) -> None:
    """Delete sessions and links that can no longer be used."""
    old = (SignIn.used_ms < used_before_ms) | (SignIn.created_ms < created_before_ms)
    session.execute(delete(SignIn).where(old))
    session.execute(delete(SignInLink).where(SignInLink.expires_ms <= now_ms))


def take_link(session: Session, token_hash: str, now_ms: int) -> str | None:
    """The account of a link that still holds, which is gone afterwards. Only one caller can ever get it."""
    spent = delete(SignInLink).where(SignInLink.token_hash == token_hash)
    taken = session.execute(spent.returning(SignInLink.account, SignInLink.expires_ms)).first()
    return taken.account if taken and taken.expires_ms > now_ms else None
