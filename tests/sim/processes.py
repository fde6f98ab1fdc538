"""Starting `tonnam-sim` as the demo does, and hearing what it says by MQTT."""

import contextlib
import queue
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.servers import free_port, wait_until

TONNAM_SIM = str(Path(sys.executable).with_name("tonnam-sim"))


def tonnam_sim(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run([TONNAM_SIM, *arguments], capture_output=True, text=True, timeout=60, check=False)


@contextlib.contextmanager
def started(*arguments: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command beside the test, its words in `log`; ended at the end, whatever happened."""
    with log.open("wb") as file:
        process = subprocess.Popen([TONNAM_SIM, *arguments], stdout=file, stderr=file)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class FarmProcess:
    """A farm's addresses and command line in a directory of its own."""

    def __init__(self, where: Path) -> None:
        self.cabinet, self.climate, self.inverter = free_port(), free_port(), free_port()
        self.soil, self.state, self.control = where / "soil", where / "farm.json", where / "control"
        self.log = where / "farm.log"

    def arguments(self, *more: str) -> list[str]:
        places = {"cabinet": self.cabinet, "climate": self.climate, "inverter": self.inverter}
        addresses = [text for bus, port in places.items() for text in (f"--{bus}", f"127.0.0.1:{port}")]
        files = ["--soil", str(self.soil), "--state", str(self.state), "--control", str(self.control)]
        return ["farm", *addresses, *files, "--hour", "13.5", *more]

    @contextlib.contextmanager
    def running(self, *more: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run it; inside, it answers."""
        with started(*self.arguments(*more), log=self.log) as process:
            wait_until(lambda: "the farm answers" in self.log.read_text(), f"the farm ({self.log.read_text()})")
            yield process


class Listener:
    """A plain MQTT client that keeps what it hears."""

    def __init__(self, url: str, topic_filter: str) -> None:
        self.messages: queue.Queue[mqtt.MQTTMessage] = queue.Queue()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = lambda _client, _userdata, message: self.messages.put(message)
        self._client.on_connect = lambda client, *_: client.subscribe(topic_filter, qos=1)
        self._heard = False
        self._client.on_subscribe = lambda *_: setattr(self, "_heard", True)
        address = urlsplit(url)
        assert address.hostname is not None
        assert address.port is not None
        self._client.connect(address.hostname, address.port)

    def __enter__(self) -> "Listener":
        self._client.loop_start()
        wait_until(lambda: self._heard, "the subscription")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def wait_for(self, wanted: Callable[[mqtt.MQTTMessage], bool], timeout_s: float = 20.0) -> mqtt.MQTTMessage:
        """The next message that is wanted; others are dropped."""
        deadline = time.monotonic() + timeout_s
        while True:
            message = self.messages.get(timeout=max(0.01, deadline - time.monotonic()))
            if wanted(message):
                return message
