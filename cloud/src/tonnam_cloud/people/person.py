"""A signed-in person, and what their roles let them do. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

NAME_PATTERN = r"[a-z0-9][a-z0-9._-]{0,31}"


class Role(StrEnum):
    """What a person is in a tenant."""

    FARMER = "farmer"
    VIEWER = "viewer"


@dataclass(frozen=True)
class Person:
    """Who asks. `roles` is by tenant id; what is not in it does not exist for this person."""

    name: str
    display_name: str
    roles: Mapping[str, Role]

    @property
    def tenants(self) -> list[str]:
        return sorted(self.roles)

    def may_see(self, tenant: str) -> bool:
        return tenant in self.roles

    def may_command(self, tenant: str) -> bool:
        return self.roles.get(tenant) is Role.FARMER

    @property
    def main_role(self) -> Role:
        """The most that this person is anywhere."""
        return Role.FARMER if Role.FARMER in self.roles.values() else Role.VIEWER


def is_name(text: str) -> bool:
    """Whether `text` can be a user name."""
    return re.fullmatch(NAME_PATTERN, text) is not None
