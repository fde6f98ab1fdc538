"""The embedded broker: a native NATS server with MQTT, so that the demo needs nothing installed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tonnam_demo.credentials import Credentials


@dataclass(frozen=True)
class User:
    """Who may connect, and to which subjects (NATS writes an MQTT topic with dots)."""

    name: str
    password: str
    publish: Sequence[str]
    subscribe: Sequence[str]


def _node(tenant: str, node: str, password: str, extra_subscribe: Sequence[str] = ()) -> User:
    own = f"tonnam.1.{tenant}.{node}"
    return User(
        name=f"{tenant}.{node}",
        password=password,
        publish=[f"{own}.{channel}" for channel in ("up", "back", "outcome", "presence")],
        subscribe=[*(f"{own}.{channel}" for channel in ("reply", "command", "config")), *extra_subscribe],
    )


def subjects_of(topic_filter: str) -> list[str]:
    """The NATS subjects that a user must be allowed for an MQTT filter: `a/#` also means `a` itself."""
    subject = topic_filter.replace("/", ".").replace("+", "*")
    return [subject.removesuffix(".#"), f"{subject[:-1]}>"] if subject.endswith(".#") else [subject]


def demo_users(credentials: Credentials, field_filters: Sequence[str]) -> list[User]:
    """The cloud sees all of Tonnam's topics, a node its own, the town's devices those that the gateway listens to."""
    dialects = [subject for topic_filter in field_filters for subject in subjects_of(topic_filter)]
    return [
        User("cloud", credentials.cloud, ["tonnam.>"], ["tonnam.>"]),
        _node("demo-farm", "edge-1", credentials.edge),
        _node("demo-town", "gateway-1", credentials.gateway, dialects),
        User("field", credentials.field, dialects, ["cmnd.>"]),
    ]


def _user_line(user: User) -> str:
    # A subscription of QoS 1 is delivered through a subject below $MQTT.sub, which the user must be allowed too.
    rights = {"publish": list(user.publish), "subscribe": [*user.subscribe, "$MQTT.sub.>"]}
    return (
        f"    {{ user: {json.dumps(user.name)}, password: {json.dumps(user.password)}, "
        f"permissions: {json.dumps(rights)} }}"
    )


def write_config(path: Path, *, nats_port: int, mqtt_port: int, users: Sequence[User]) -> None:
    """Write the server's configuration, readable by its owner only. It listens on this machine alone."""
    lines = ",\n".join(_user_line(user) for user in users)
    text = f"""# Written at each start of the demo.
server_name: "tonnam-demo"
listen: "127.0.0.1:{nats_port}"
jetstream {{ store_dir: {json.dumps(str(path.parent / "jetstream"))}, max_file: 256MB }}
mqtt {{ listen: "127.0.0.1:{mqtt_port}" }}
authorization {{
  users = [
{lines}
  ]
}}
"""
    path.touch(mode=0o600)
    path.write_text(text)
