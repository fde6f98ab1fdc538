"""A whole node in plain paho-mqtt, with nothing of ours: it sends how busy its machine is, and loses none of it.

small_node.py HOST PORT TENANT NODE FILE          TONNAM_PASSWORD is its password at the broker, if it has one

docs/link.md tells what each line is for. Unlike ours this node has no backlog lane, packs nothing, obeys no commands,
and its outbox has no limit. It trusts the clock of its machine.
"""

import contextlib
import hashlib
import os
import sqlite3
import struct
import sys
import time
import zlib
from typing import Any

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

HOST, PORT, TENANT, NODE, FILE = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5]
TOPIC, NAME, SESSION = f"tonnam/1/{TENANT}/{NODE}", f"{TENANT}/{NODE}".encode() + b"\0", os.urandom(16).hex()
pack, unpack = msgspec.msgpack.encode, msgspec.msgpack.decode
DICTIONARY = pack([["machine/cpu/load", "1", 0.0]])  # entry 0: datastream, unit, resolution (0: any float)
DIGEST, READINGS, DICTIONARIES = hashlib.sha256(DICTIONARY).digest()[:8], 0, 3
RESEND_S, BATCH_S, FORM_OF_DOUBLES = 5, 5, b"\x04\x08"
sent_at: dict[int, float] = {}


def crc(version: bytes, array: bytes) -> bytes:
    return zlib.crc32(array, zlib.crc32(version + NAME)).to_bytes(4, "little")


def seal(kind: int, body: bytes) -> None:
    with db:  # what is sealed is on the disk, under a number that is never used again
        sequence = db.execute("INSERT INTO batch (payload) VALUES ('')").lastrowid
        array = pack([EPOCH, sequence, kind, DIGEST, False, body])
        db.execute("UPDATE batch SET payload = ? WHERE sequence = ?", (b"\2" + crc(b"\2", array) + array, sequence))


def publish() -> None:
    for sequence, payload in db.execute("SELECT sequence, payload FROM batch ORDER BY sequence").fetchall():
        if client.is_connected() and time.monotonic() - sent_at.get(sequence, -RESEND_S) >= RESEND_S:
            sent_at[sequence] = time.monotonic()
            client.publish(f"{TOPIC}/up", payload)


def presence(online: bool) -> bytes:
    return msgspec.json.encode({"session": SESSION, "online": online, "at_ms": time.time_ns() // 1_000_000})


def on_connect(*_: Any) -> None:
    client.subscribe(f"{TOPIC}/reply")
    client.publish(f"{TOPIC}/presence", presence(True), qos=1, retain=True)
    sent_at.clear()  # what was unanswered may never have arrived


def on_message(_client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
    array = bytes(message.payload[4:])
    if message.payload[:4] != crc(b"", array):
        return  # garbled on its way; the batch goes again
    epoch, sequence, verdict, *_ = unpack(array)
    if epoch == EPOCH and verdict in {"stored", "quarantined"}:
        with db:
            db.execute("DELETE FROM batch WHERE sequence = ?", (sequence,))
    elif epoch == EPOCH and verdict == "need_dictionary":
        seal(DICTIONARIES, DICTIONARY)


db = sqlite3.connect(FILE)
db.executescript("PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS epoch (value INTEGER);")
db.execute("CREATE TABLE IF NOT EXISTS batch (sequence INTEGER PRIMARY KEY AUTOINCREMENT, payload BLOB)")
with db:
    new_epoch = int.from_bytes(os.urandom(8), "big", signed=True)
    db.execute("INSERT INTO epoch SELECT ? WHERE NOT EXISTS (SELECT * FROM epoch)", (new_epoch,))
EPOCH: int = db.execute("SELECT value FROM epoch").fetchone()[0]
client = mqtt.Client(CallbackAPIVersion.VERSION2, f"tonnam-{TENANT}-{NODE}")
client.username_pw_set(f"{TENANT}.{NODE}", os.environ.get("TONNAM_PASSWORD"))
client.will_set(f"{TOPIC}/presence", presence(False), qos=1, retain=True)
client.on_connect, client.on_message = on_connect, on_message
client.connect_async(HOST, PORT, keepalive=30)
first_ms, loads = 0, list[float]()
while True:
    at_ms = int(time.time()) * 1000
    if loads and (len(loads) == BATCH_S or at_ms != first_ms + 1000 * len(loads)):  # all steps of a batch are 1 s
        doubles = struct.pack(f"<{len(loads)}d", *loads)
        seal(READINGS, pack([first_ms, len(loads), 1000 * (len(loads) > 1), 1, b"", b"", FORM_OF_DOUBLES, doubles]))
        loads.clear()
    first_ms = first_ms if loads else at_ms
    loads.append(os.getloadavg()[0])
    publish()
    while (left_s := at_ms / 1000 + 1 - time.time()) > 0:
        if client.loop(left_s) != mqtt.MQTT_ERR_SUCCESS:
            time.sleep(max(0.0, min(left_s, 0.5)))
            with contextlib.suppress(OSError):  # no broker just now: all is in the file
                client.reconnect()
