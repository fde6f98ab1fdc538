"""What the link costs: bytes on the wire, speed, writes to the memory card, memory, and how fast a backlog drains.

    python benchmarks/link.py [--minutes 5] [--nodes 8] [--drain-nodes 20] [--only wire,decode,disk,memory,drain]

Everything is measured here and now, with real brokers on loopback over TLS; what is computed says so. Beside the
simulator's farm it takes the recorded month, if TONNAM_RECORDED_DATA names the folder that has it.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import structlog

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.linkcost import decoding, disk, drain, memory, wire
from benchmarks.linkcost.brokers import BROKERS, TlsBroker, started
from benchmarks.linkcost.decoding import Speed
from benchmarks.linkcost.field import EVERY_S, MISSING_MONTH, Field, farm, month
from benchmarks.linkcost.table import aim, ratio, table, text
from benchmarks.linkcost.wire import OURS, Cost, Pace

PARTS = ("wire", "decode", "disk", "memory", "drain")
READINGS_AN_HOUR = 3600 // EVERY_S
MOST_BYTES, MOST_MIB, LEAST_TIMES = 4.0, 25.0, 20.0
WIRE = """Bytes a reading on the wire between a node and its broker, both ways, once it is connected. Counted: the
TCP payload at a proxy, the TLS records in it (22 bytes each), and by TCP_INFO all segments, bare acknowledgements too
(52 bytes each: IPv4, TCP, its timestamps). MQTT is framing, topics, replies or acknowledgements, and keep-alive.
Not in it: joining, and the subscriptions that ours asks for anew every half hour (computed: under 0.1 bytes a
reading)."""
DRAIN = """Outboxes, broker, ingest and its embedded store are real and all on this machine; replies come after the
commit."""


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    parts: Sequence[str] = PARTS
    brokers: Sequence[str] = tuple(BROKERS)
    pace: Pace = field(default_factory=lambda: Pace(5))
    nodes: int = 8
    day_hours: float = 24.0
    batches: int = 200
    seconds: float = 1.0
    memory_images: int = 360
    drain_nodes: int = 20
    drain_hours: float = 24.0


def run(plan: Plan, directory: Path) -> None:
    """Measure and print. `directory` should be on a real disk."""
    recorded = month()
    fields = [farm(plan.day_hours), *([recorded] if recorded else [])]
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {platform.system()}")
    for source in fields:
        print(f"{source.name}: {source.note}; every {EVERY_S} s, changed or not")
    if recorded is None:
        print(MISSING_MONTH)
    with ExitStack() as stack:
        brokers = {name: stack.enter_context(started(name, directory / name)) for name in plan.brokers}
        first = next(iter(brokers.values()))
        if "wire" in plan.parts:
            wire_tables(plan, fields, brokers, directory)
        if "decode" in plan.parts:
            decode_tables(plan, fields)
        if "disk" in plan.parts:
            disk_table(directory)
        if "memory" in plan.parts:
            memory_table(plan, first, directory)
        if "drain" in plan.parts:
            drain_table(plan, fields[0], first, directory)


def wire_tables(plan: Plan, fields: Sequence[Field], brokers: Mapping[str, TlsBroker], directory: Path) -> None:
    watched = f"{plan.pace.batches} batches' time of {plan.pace.batch_s:g} s, {plan.nodes} nodes of each kind"
    print(text(f"{WIRE} Here: {watched}."))
    found = asyncio.run(_all_wires(plan, fields, brokers, directory))
    for source in fields:
        limit = decoding.entropy(source)
        for name in brokers:
            wire_table(f"{source.name}, {name}", found[name][source.name], limit)


async def _all_wires(
    plan: Plan, fields: Sequence[Field], brokers: Mapping[str, TlsBroker], directory: Path
) -> dict[str, dict[str, dict[str, Cost]]]:
    """By broker, field and contender. All at the same time: it is mostly waiting."""
    measured = await asyncio.gather(
        *(
            wire.measure(broker, fields, plan.pace, plan.nodes, directory / "wire" / name)
            for name, broker in brokers.items()
        )
    )
    return dict(zip(brokers, measured, strict=True))


def wire_table(title: str, costs: Mapping[str, Cost], limit: float) -> None:
    best = costs[OURS].total / costs[OURS].readings
    rows = []
    for name, cost in costs.items():
        parts = [part / cost.readings for part in (cost.payload, cost.mqtt, cost.tls, cost.headers, cost.total)]
        each, hour = [f"{part:.2f}" for part in parts], parts[-1] * READINGS_AN_HOUR
        rows.append([name, *each, ratio(parts[-1], best), f"{hour:,.0f}", f"{cost.joining:,}"])
    head = [title, "payload", "MQTT", "TLS", "TCP/IP", "all", "ratio", "a datastream-hour", "to join once"]
    print(table(head, rows))
    print(f"limit: the entropy of the differences alone is {limit:.2f} bytes a reading of payload")
    print(aim(f"under {MOST_BYTES:g} bytes a reading, all counted", f"{best:.2f}", best < MOST_BYTES))


def decode_tables(plan: Plan, fields: Sequence[Field]) -> None:
    print(text("From bytes to checked arrays, and sealing in plain Python: processor time of one core"))
    for source in fields:
        for size, speeds in decoding.measure(source, plan.batches, plan.seconds).items():
            decode_table(source, size, speeds, plan.seconds)


def decode_table(source: Field, size: str, speeds: Mapping[str, Speed], seconds: float) -> None:
    ours = speeds[OURS]
    rows = []
    for name, speed in speeds.items():
        seal = "" if speed.seal_us is None else f"{speed.seal_us / 1000:.2f}"
        parts = [f"{speed.readings:,}", f"{speed.bytes_a_reading:.2f}", f"{speed.readings_s / 1e6:.2f}"]
        rows.append([name, *parts, ratio(speed.readings_s, ours.readings_s), seal])
    limit = decoding.copying(source, ours.readings // len(source.specs), seconds)
    to_limit = ratio(limit, ours.readings_s)
    rows.append(["limit: numpy copies the arrays", f"{ours.readings:,}", "", f"{limit / 1e6:.2f}", to_limit, ""])
    print(table([f"{source.name}, {size}", "readings", "bytes each", "million/s", "ratio", "seal, ms"], rows))


def disk_table(directory: Path) -> None:
    print(text("An hour on a node's memory card: the farm, an image accepted every 10 s, a batch a minute"))
    found = disk.measure(directory / "disk")
    if found is None:
        print("not measured: there is no strace here that may watch a process")
        return
    rows = []
    for what, hour in found.items():
        asked, kernel = hour.asked / hour.readings, hour.by_kernel / hour.readings
        times = ratio(hour.by_kernel, found["outbox"].by_kernel)
        written = f"{hour.by_kernel / 2**20:.1f}"
        rows.append([disk.NAMES[what], f"{hour.syncs:,}", f"{asked:.0f}", f"{kernel:.0f}", times, written])
    print(table(["", "fsyncs", "bytes a reading: calls", "kernel", "ratio", "MiB an hour"], rows))
    print("calls: what the process asked to write, by strace; kernel: write_bytes of /proc/PID/io, whole pages")


def memory_table(plan: Plan, broker: TlsBroker, directory: Path) -> None:
    bare, node = asyncio.run(memory.measure(broker, directory / "memory", plan.memory_images))
    added = node.after - bare.after
    what = f"imports, TLS, an outbox, {plan.memory_images} images accepted, sent and answered"
    print(text(f"Resident memory, MiB: {what}"))
    rows = [
        ["Python with an event loop", f"{bare.after:.1f}", f"{bare.most:.1f}"],
        ["and with the link", f"{node.after:.1f}", f"{node.most:.1f}"],
        ["the link adds", f"{added:.1f}", f"{node.most - bare.most:.1f}"],
    ]
    print(table(["", "after", "at most"], rows))
    print(aim(f"under {MOST_MIB:g} MiB", f"{added:.1f}", added < MOST_MIB))


def drain_table(plan: Plan, source: Field, broker: TlsBroker, directory: Path) -> None:
    done = asyncio.run(drain.measure(broker, source, plan.drain_nodes, plan.drain_hours, directory / "drain"))
    print(text(f"{done.nodes} nodes back at once after {done.hours:g} h away. {DRAIN}"))
    rows = [
        ["readings", f"{done.readings:,} in {done.batches:,} batches"],
        ["drained in", f"{done.seconds:.1f} s: {done.readings / done.seconds / 1e6:.2f} million readings a second"],
        ["recorded in", f"{done.hours:g} h: {done.times_faster:,.0f} times faster than that"],
    ]
    print(table(["", ""], rows))
    print(aim(f"{LEAST_TIMES:g} times faster", f"{done.times_faster:,.0f}", done.times_faster >= LEAST_TIMES))
    if (done.nodes, done.hours) != (100, 24.0):
        print("a hundred nodes and a day: --drain-nodes 100 --drain-hours 24")


def _plan() -> Plan:
    plan = Plan()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=plan.pace.batches, help="how long the wire is watched")
    parser.add_argument("--nodes", type=int, default=plan.nodes, help="nodes of each kind on the wire")
    parser.add_argument("--brokers", default=",".join(plan.brokers), help="which, with commas between")
    parser.add_argument("--drain-nodes", type=int, default=plan.drain_nodes, help="nodes that come back at once")
    parser.add_argument("--drain-hours", type=float, default=plan.drain_hours, help="how long they were away")
    parser.add_argument("--only", default=",".join(plan.parts), help="which parts, with commas between")
    told = parser.parse_args()
    return Plan(
        parts=told.only.split(","),
        brokers=told.brokers.split(","),
        pace=Pace(told.minutes),
        nodes=told.nodes,
        drain_nodes=told.drain_nodes,
        drain_hours=told.drain_hours,
    )


def main() -> None:
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    plan = _plan()
    with tempfile.TemporaryDirectory(prefix="tonnam-link-") as directory:
        run(plan, Path(directory))


if __name__ == "__main__":
    main()
