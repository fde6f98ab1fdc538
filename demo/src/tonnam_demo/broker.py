"""The embedded broker: a native NATS server with MQTT, so that the demo needs nothing installed.

Who may connect and do what there is written by the cloud's own `broker-config`, as in production. Here is only what
the server itself needs.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

from tonnam_demo.credentials import Credentials

USERS = Path(str(files("tonnam_demo"))) / "users.toml"
ACCESS = "broker"
"""The folder, beside the server's configuration, that `broker-config` keeps."""


def passwords(credentials: Credentials) -> dict[str, str]:
    """The environment variables that the users file names."""
    return {
        "TONNAM_DEMO_PASSWORD_CLOUD": credentials.cloud,
        "TONNAM_DEMO_PASSWORD_FIELD": credentials.field,
    }


def pid_file(home: Path) -> Path:
    """Where the server tells its process number, to be told to read its users anew."""
    return home / "nats.pid"


def write_config(path: Path, *, nats_port: int) -> None:
    """Write the server's configuration. NATS's own port listens on this machine alone, and has no users."""
    home = path.parent
    path.write_text(f"""# Written at each start of the demo. Users and the MQTT port are in {ACCESS}/.
server_name: "tonnam-demo"
listen: "127.0.0.1:{nats_port}"
pid_file: {json.dumps(str(pid_file(home)))}
jetstream {{ store_dir: {json.dumps(str(home / "jetstream"))}, max_file: 256MB }}
include "{ACCESS}/tonnam.conf"
""")
