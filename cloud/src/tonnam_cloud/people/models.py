"""Tables of people: accounts, their roles by tenant, sessions and one-time sign-in links.

Of tokens only hashes are kept. Deleting an account deletes all that hangs on it.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from tonnam_cloud.database import Base, Id, Millis


class Account(Base):
    """A person who may sign in; without `password_hash` only by a link."""

    __tablename__ = "account"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    display_name: Mapped[str] = mapped_column(String(100))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    created_ms: Mapped[Millis]


class Membership(Base):
    """What a person is in a tenant: `farmer` may command, `viewer` may look."""

    __tablename__ = "membership"

    account: Mapped[str] = mapped_column(String(32), ForeignKey("account.name", ondelete="CASCADE"), primary_key=True)
    tenant: Mapped[Id] = mapped_column(ForeignKey("tenant.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))


class SignIn(Base):
    """A session of a signed-in person. It ends by sign-out, when unused too long, or when too old."""

    __tablename__ = "sign_in"
    __table_args__ = (Index("ix_sign_in_account", "account"),)

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account: Mapped[str] = mapped_column(String(32), ForeignKey("account.name", ondelete="CASCADE"))
    created_ms: Mapped[Millis]
    used_ms: Mapped[Millis]


class SignInLink(Base):
    """A link that signs in once. Using it deletes the row."""

    __tablename__ = "sign_in_link"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account: Mapped[str] = mapped_column(String(32), ForeignKey("account.name", ondelete="CASCADE"))
    expires_ms: Mapped[Millis]
