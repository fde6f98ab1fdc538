"""Who besides nodes speaks to the broker: the cloud, a town's devices, a health check. A TOML file, checked whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from tonnam_cloud.broker.passwords import Hashes, hashes_of, weakness
from tonnam_cloud.errors import Misconfigured
from tonnam_cloud.toml_file import load_tables
from tonnam_link.topics import ID_PATTERN, ROOT

STATISTICS = "$SYS/"


def _is_filter(text: str) -> str:
    """An MQTT filter that both brokers understand alike."""
    levels = text.split("/")
    if not text or "" in levels:
        raise ValueError("a filter has no empty level: town/river-1/state, tele/#, +/tele/+ are right")
    if re.search(r"[^!-~]|[\"'>*\\]", text) or len(text) > 200:
        raise ValueError("a filter has letters, digits and signs of ASCII, no space, and none of \" ' * > \\")
    if any(("#" in level and level != "#") or ("+" in level and level != "+") for level in levels):
        raise ValueError("+ and # stand for whole levels: tele/#, +/tele/+")
    if "#" in levels[:-1]:
        raise ValueError("# is the last level of a filter")
    if overlaps(text, f"{ROOT}/#"):
        raise ValueError(f"this reaches {ROOT}/..., where nodes and the cloud speak: make it narrower")
    return text


def overlaps(one: str, other: str) -> bool:
    """Whether some topic fits both filters. `a/#` fits `a` too."""
    shorter, longer = sorted((one.split("/"), other.split("/")), key=len)
    for mine, yours in zip(shorter, longer, strict=False):
        if "#" in (mine, yours):
            return True
        if mine != yours and "+" not in (mine, yours):
            return False
    return longer[len(shorter) :] in ([], ["#"])


Filter = Annotated[str, AfterValidator(_is_filter)]
NodeName = Annotated[str, Field(pattern=rf"^{ID_PATTERN}/{ID_PATTERN}$")]


class OtherUser(BaseModel):
    """One user. `cloud = true`: all of Tonnam's topics, and nothing else.

    Others publish to `writes` and hear `reads`. `gateways` (as "tenant/node") are those for which they are field
    devices: a gateway hears what they write, and writes what they read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
    password_variable: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    cloud: bool = False
    writes: tuple[Filter, ...] = ()
    reads: tuple[Filter, ...] = ()
    gateways: tuple[NodeName, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.cloud and (self.writes or self.reads or self.gateways):
            raise ValueError("cloud = true is all that the cloud needs; writes, reads and gateways are for others")
        if not self.cloud and not (self.writes or self.reads):
            raise ValueError("this user may do nothing: cloud = true, or writes = [...] and reads = [...]")
        if any(topic.startswith("$") for topic in self.writes):
            raise ValueError("nobody may write to topics that begin with $")
        if any(topic.startswith("$") and not topic.startswith(STATISTICS) for topic in self.reads):
            raise ValueError(f"of the topics that begin with $ only {STATISTICS}... may be read")
        return self


class UsersFile(BaseModel):
    """What the file holds: `[[user]]` tables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user: tuple[OtherUser, ...] = ()

    @model_validator(mode="after")
    def _unique(self) -> Self:
        names = [user.name for user in self.user]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the name {twice[0]!r} is used twice")
        return self


def load_users(path: Path, environment: Mapping[str, str]) -> list[tuple[OtherUser, Hashes]]:
    """The users of the file, each with the hashes of the password in its variable.

    Raises Misconfigured with file, line and key; it never repeats a password.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: the users file cannot be read: {error}") from error
    users, line_of = load_tables(UsersFile, str(path), text, "user")
    wrong = []
    for number, user in enumerate(users.user):
        password = environment.get(user.password_variable, "")
        problem = weakness(password) if password else "it is not set in the environment"
        if problem:
            line = line_of(number, "password_variable")
            wrong.append(f"{path}:{line}: password_variable: {user.password_variable}: {problem}")
    if wrong:
        raise Misconfigured("\n".join(wrong))
    return [(user, hashes_of(environment[user.password_variable])) for user in users.user]
