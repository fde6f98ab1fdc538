"""What is carried: a day of the simulator's farm, and a month that a real greenhouse recorded.

Every datastream has one sample in every image, every ten seconds, whether it changed or not.
"""

from __future__ import annotations

import csv
import gzip
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tonnam_demo.plan import FARM_SITE
from tonnam_edge.core import Core
from tonnam_edge.modbus.direct import DirectTransport, act_once, poll_once
from tonnam_edge.site.check import load_site
from tonnam_link.messages import DatastreamSpec, Frame, Sample
from tonnam_link.quality import Quality
from tonnam_link.wire.codec import Dictionary, Row, clean
from tonnam_sim.farm import build_farm

EVERY_S = 10
IMAGES_A_BATCH = 6
START_MS = 1_795_000_000_000
SEED = 1
RECORDED = "greenhouse-month-30mhz.csv.gz"
RECORDED_COLUMNS = 30

Image = Mapping[str, Sample]


@dataclass(frozen=True)
class Field:
    """Datastreams, and their images in order. `note` says what they are."""

    name: str
    tenant: str
    note: str
    specs: Sequence[DatastreamSpec]
    images: Sequence[Image]

    @property
    def dictionary(self) -> Dictionary:
        return Dictionary(self.specs)

    def image(self, number: int) -> Image:
        """Image `number`; after the last comes the first."""
        return self.images[number % len(self.images)]

    def frames(self, count: int, first: int = 0, start_ms: int = START_MS) -> Iterator[Frame]:
        """So many images as frames, ten seconds apart."""
        for number in range(count):
            yield Frame(start_ms + number * EVERY_S * 1000, self.image(first + number))

    def batches(self, images: int, count: int) -> Iterator[list[Row]]:
        """So many batches' worth of rows, taken from all over the images."""
        numbers = self.dictionary.numbers
        stride = max(images, len(self.images) // count)
        for batch in range(count):
            yield [
                Row(frame.observed_at_ms, [(numbers[name], sample) for name, sample in frame.samples.items()])
                for frame in self.frames(images, batch * stride)
            ]


def farm(hours: float = 24.0, seed: int = SEED) -> Field:
    """The melon greenhouse as its edge agent sees it: watering, sun and night."""
    site, _ = load_site(FARM_SITE)
    house, core = build_farm(seed, hour=6.0, sunny=False), Core(site, now_ms=START_MS)
    transports = {name: DirectTransport(bus.execute) for name, bus in house.buses.items()}
    specs = [datastream.spec for datastream in site.datastreams]
    images: list[Image] = []
    latest: dict[str, Sample] = {}
    now_ms, beat_ms = START_MS, EVERY_S * 1000
    while len(images) < hours * 3600 / EVERY_S:
        core.observe(poll_once(transports, site, now_ms))
        step = core.step(now_ms)
        act_once(step.actions, transports, site)
        latest.update(step.frame.samples if step.frame else {})
        if now_ms % beat_ms == 0:
            images.append({spec.datastream: clean(latest[spec.datastream]) for spec in specs})
        next_ms = min((now_ms // beat_ms + 1) * beat_ms, max(step.next_due_ms, now_ms + 1000))
        house.step((next_ms - now_ms) / 1000, (next_ms - now_ms) / 1000)
        now_ms = next_ms
    note = f"{len(specs)} datastreams of the simulator's melon greenhouse, {hours:g} h, seed {seed}"
    return Field("farm", "demo-farm", note, specs, images)


def month() -> Field | None:
    """The recorded month, or None when TONNAM_RECORDED_DATA does not name the folder that has it.

    Its rows are five minutes apart and are taken as if they were ten seconds apart, so values move more from image
    to image than they would. A blank cell is a sample without a value.
    """
    folder = os.environ.get("TONNAM_RECORDED_DATA")
    if not folder:
        return None
    with gzip.open(Path(folder) / RECORDED, "rt", encoding="utf-8") as file:
        head, *lines = csv.reader(file)
    columns = range(1, RECORDED_COLUMNS + 1)
    cells = [[line[column] for column in columns] for line in lines if line[0][:4].isdigit()]
    specs = [
        DatastreamSpec(f"glasshouse/thing-{column}/reading", "1", _resolution([row[column - 1] for row in cells]))
        for column in columns
    ]
    images = [{spec.datastream: _sample(cell) for spec, cell in zip(specs, row, strict=True)} for row in cells]
    note = f"the first {len(specs)} of {len(head) - 1} columns of {RECORDED}, rows as if {EVERY_S} s apart"
    return Field("month", "real-farm", note, specs, images)


def _resolution(column: Sequence[str]) -> float:
    places = max((len(cell.partition(".")[2]) for cell in column), default=0)
    return 10.0**-places


def _sample(cell: str) -> Sample:
    value = float(cell) if cell else math.nan
    return Sample(value) if math.isfinite(value) else Sample(None, Quality.STALE)


MISSING_MONTH = "recorded month: not measured, because TONNAM_RECORDED_DATA does not name the folder that has it"
