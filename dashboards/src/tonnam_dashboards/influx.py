"""InfluxQL as Grafana sends it: the query class that the foundation SDK lacks, and the questions Tonnam asks.

The schema is the cloud's: measurement = property; tags `tenant`, `site`, `thing`; fields `value` (only when known),
`quality` and `raw`. InfluxQL is what InfluxDB 1.x and 2.x both answer. Grafana replaces `$timeFilter`, `$__interval`,
`${__from}`, `${__to}` and the dashboard's variables before it sends a query.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders.dashboard import QueryVariable
from grafana_foundation_sdk.cog import builder as cogbuilder
from grafana_foundation_sdk.cog import runtime as cogruntime
from grafana_foundation_sdk.cog import variants as cogvariants
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import VariableOption, VariableRefresh, VariableSort

NOW = "${__to}ms"
SOURCE = DataSourceRef(type_val="influxdb", uid="tonnam-influxdb")

HERE = """"tenant" = '$tenant' AND "site" = '$site'"""
DAY_IN_THAILAND = "time(1d, -7h)"  # midnight in Thailand, which has no daylight saving time
DAY_OF_RAIN = "time(1d)"  # 07:00 to 07:00 in Thailand, the rain day of the Meteorological Department, is 00:00 UTC


@dataclass(frozen=True)
class InfluxQuery(cogvariants.Dataquery):
    """One InfluxQL query of a panel. `alias` names its series; `[[tag_thing]]` in it becomes the thing's id."""

    ref_id: str
    query: str
    alias: str

    def to_json(self) -> dict[str, object]:
        """As Grafana keeps a raw InfluxQL query."""
        return {
            "refId": self.ref_id,
            "datasource": SOURCE,
            "query": self.query,
            "alias": self.alias,
            "rawQuery": True,
            "resultFormat": "time_series",
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> InfluxQuery:
        """The inverse of `to_json`."""
        return cls(ref_id=data["refId"], query=data["query"], alias=data["alias"])


@dataclass(frozen=True)
class Ask(cogbuilder.Builder[cogvariants.Dataquery]):
    """A query on its way into a panel."""

    query: str
    alias: str = "[[tag_thing]]"
    ref_id: str = "A"

    def build(self) -> InfluxQuery:
        """The query itself."""
        return InfluxQuery(self.ref_id, self.query, self.alias)


def register() -> None:
    """Let the SDK's `from_json` know this query: reading a dashboard and writing it again then shows unknown keys."""
    config = cogruntime.DataqueryConfig(identifier="influxdb", from_json_hook=InfluxQuery.from_json)
    cogruntime.register_dataquery_variant(config)


def over_time(prop: str, *, function: str = "mean", only: str = "") -> str:
    """`prop` of every thing here, one value an interval, nothing where nothing is known.

    `only` narrows the things, such as `"thing" =~ /^$zone$/`.
    """
    where = f"{HERE} AND {only}" if only else HERE
    return (
        f'SELECT {function}("value") FROM "{prop}" WHERE {where} AND $timeFilter '
        'GROUP BY time($__interval), "thing" fill(none)'
    )


def newest(prop: str, *, only: str = "") -> str:
    """The newest known value of `prop` of every thing here."""
    where = f"{HERE} AND {only}" if only else HERE
    return f'SELECT last("value") FROM "{prop}" WHERE {where} AND $timeFilter GROUP BY "thing"'


def growth(prop: str, day: str) -> str:
    """How much a counter grew each `day`. A counter that starts again from nought takes nothing away."""
    step = 'non_negative_difference("value") AS "step"'
    steps = f'SELECT {step} FROM "{prop}" WHERE {HERE} AND $timeFilter GROUP BY "thing"'
    return f'SELECT sum("step") FROM ({steps}) WHERE $timeFilter GROUP BY {day}, "thing" fill(none)'


def last_heard() -> str:
    """The quality of each datastream's newest reading, known or not; its time says when it was last heard."""
    return f'SELECT last("quality") FROM /.*/ WHERE {HERE} AND $timeFilter GROUP BY "thing"'


def running_24_h_mean(prop: str, *, since: str = "${__from}ms", share: float = 0.75) -> str:
    """The mean of the last 24 hourly means, only where at least `share` of the hours have readings.

    The window reaches 24 hours before `since`, which is where the dashboard's begins or, for "now", where it ends.
    InfluxDB cuts inner time ranges by outer ones, so the outer two selects must have none.
    """
    window = f"time >= {since} - 24h AND time <= {NOW}"
    hours = (
        f'SELECT mean("value") AS "hour" FROM "{prop}" WHERE {HERE} AND {window} '
        'GROUP BY time(1h), "thing" fill(none)'
    )
    sums = (
        f'SELECT sum("hour") AS "sum", count("hour") AS "n" FROM ({hours}) WHERE {window} '
        'GROUP BY time(1h), "thing" fill(0)'
    )
    means = (
        'SELECT moving_average("sum", 24) / moving_average("n", 24) AS "mean", moving_average("n", 24) AS "share" '
        f'FROM ({sums}) GROUP BY "thing"'
    )
    return f'SELECT "mean" FROM ({means}) WHERE "share" >= {share} GROUP BY "thing"'


def choice(name: str, label: str, tag: str, properties: tuple[str, ...], where: str = "") -> QueryVariable:
    """A variable that offers the values of `tag` among the things that have one of `properties`."""
    sources = ", ".join(f'"{prop}"' for prop in properties)
    query = f'SHOW TAG VALUES FROM {sources} WITH KEY = "{tag}"' + (f" WHERE {where}" if where else "")
    return (
        QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(query)
        .definition(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )


def place(properties: tuple[str, ...]) -> list[QueryVariable]:
    """The two variables of every dashboard: whose, and where."""
    return [
        choice("tenant", "เจ้าของ / Tenant", "tenant", properties),
        choice("site", "สถานที่ / Site", "site", properties, "\"tenant\" = '$tenant'"),
    ]


def zones() -> QueryVariable:
    """Zones are the things that have a valve; all of them unless some are chosen."""
    everything = VariableOption(text=["All"], value=["$__all"], selected=True)
    return (
        choice("zone", "โซน / Zone", "thing", ("valve_open",), HERE).multi(True).include_all(True).current(everything)
    )
