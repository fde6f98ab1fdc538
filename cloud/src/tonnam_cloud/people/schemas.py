"""What the API takes and tells about people."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from tonnam_cloud.people.passwords import LONGEST
from tonnam_cloud.people.person import Person, Role


class Credentials(BaseModel):
    """A user name and its password."""

    model_config = ConfigDict(extra="forbid")

    username: Annotated[str, Field(min_length=1, max_length=100)]
    password: Annotated[str, Field(min_length=1, max_length=LONGEST)]


class LinkToken(BaseModel):
    """The token of a one-time sign-in link."""

    model_config = ConfigDict(extra="forbid")

    token: Annotated[str, Field(min_length=1, max_length=100)]


class User(BaseModel):
    """A signed-in person. `role` is the most that they are in any tenant."""

    name: str
    display_name: str
    role: Role
    tenants: list[str]


class Me(BaseModel):
    """Who is signed in, and whether they may start and stop water anywhere; and where."""

    user: User
    can_command: bool
    commands_in: Annotated[list[str], Field(description="the tenants in which they may")]

    @classmethod
    def of(cls, person: Person) -> Self:
        user = User(name=person.name, display_name=person.display_name, role=person.main_role, tenants=person.tenants)
        mine = [tenant for tenant in person.tenants if person.may_command(tenant)]
        return cls(user=user, can_command=bool(mine), commands_in=mine)
