"""What Grafana does between a dashboard's JSON and InfluxDB: chooses variables, fills in macros, asks.

It knows the macros and variables that Tonnam's dashboards use and raises KeyError on any other.
"""

from __future__ import annotations

import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

WIDTH_PX = 1000
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
ROUND_S = (10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400)
VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)\}")
SPECIAL = re.compile(r"[\\^$*+?.()|[\]{}/]")


@dataclass(frozen=True)
class Target:
    """One query of one panel."""

    panel: dict[str, Any]
    query: str
    alias: str

    def __str__(self) -> str:
        return f"{self.panel['id']:02} {self.panel['title'].split(' / ')[-1]} {self.alias}"


def targets(dashboard: dict[str, Any]) -> Iterator[Target]:
    """Every query of every panel."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield Target(panel, target["query"], target["alias"])


def target(dashboard: dict[str, Any], title: str, alias: str = "") -> Target:
    """The first query of the first panel whose title holds `title`, and whose alias holds `alias`."""
    return next(one for one in targets(dashboard) if title in one.panel["title"] and alias in one.alias)


def duration(text: str) -> timedelta:
    """Grafana's 24h, 7d and the like."""
    return timedelta(**{UNITS[text[-1]]: int(text[:-1])})


@dataclass(frozen=True)
class Viewer:
    """Somebody who looks at a dashboard at `now`, in its own time range, with its variables at their defaults."""

    url: str
    database: str
    dashboard: dict[str, Any]
    now: datetime

    def ask(self, target: Target) -> list[dict[str, Any]]:
        """The series that a panel would draw; AssertionError on an error of InfluxDB."""
        return self._influxql(self.filled_in(target))

    def filled_in(self, target: Target) -> str:
        """The query as it goes to InfluxDB."""
        whole = duration(self.dashboard["time"]["from"].removeprefix("now-"))
        shown = duration(target.panel["timeFrom"]) if "timeFrom" in target.panel else whole
        end_ms = int(self.now.timestamp() * 1000)
        start_ms = end_ms - int(shown.total_seconds() * 1000)
        macros = {
            "timeFilter": f"time >= {start_ms}ms and time <= {end_ms}ms",
            "__interval": f"{self._interval_s(target.panel, shown)}s",
            "__from": str(
                end_ms - int(whole.total_seconds() * 1000)
            ),  # the dashboard's, also in a panel with its own
            "__to": str(end_ms),
        }
        return substituted(target.query, {**macros, **self.variables()})

    @staticmethod
    def _interval_s(panel: dict[str, Any], shown: timedelta) -> int:
        least = duration(panel.get("interval", "1s")).total_seconds()
        wanted = max(least, shown.total_seconds() / WIDTH_PX)
        return next(step for step in ROUND_S if step >= wanted)

    def offered(self, name: str) -> list[str]:
        """What the menu of a variable offers."""
        chosen: dict[str, str] = {}
        for variable in self.dashboard["templating"]["list"]:
            if variable["type"] == "textbox":
                chosen[variable["name"]] = variable["query"]
                continue
            rows = self._influxql(substituted(variable["query"], chosen))
            options = sorted({row[1] for series in rows for row in series["values"]})
            if variable["name"] == name:
                return options
            chosen[variable["name"]] = formatted(options, multi=variable["multi"])
        raise KeyError(name)

    def variables(self) -> dict[str, str]:
        """Every variable at its default: the first that is offered, all of a multiple choice, the text of a box."""
        chosen = {}
        for variable in self.dashboard["templating"]["list"]:
            name = variable["name"]
            is_text = variable["type"] == "textbox"
            chosen[name] = variable["query"] if is_text else formatted(self.offered(name), multi=variable["multi"])
        return chosen

    def _influxql(self, query: str) -> list[dict[str, Any]]:
        asked = urllib.parse.urlencode({"db": self.database, "q": query, "epoch": "ms"})
        with urllib.request.urlopen(f"{self.url}/query?{asked}", timeout=20) as answer:
            (result,) = json.load(answer)["results"]
        assert "error" not in result, f"{result['error']}: {query}"
        series: list[dict[str, Any]] = result.get("series", [])
        return series


def formatted(options: list[str], *, multi: bool) -> str:
    """A choice as Grafana's InfluxDB data source writes it: bare, or as alternatives for a regular expression."""
    return "(" + "|".join(SPECIAL.sub(r"\\\g<0>", one) for one in options) + ")" if multi else options[0]


def substituted(query: str, values: Mapping[str, str]) -> str:
    """The query with every $name and ${name} replaced; a `$` before anything else stays, as in Grafana."""
    return VARIABLE.sub(lambda match: values[match[1] or match[2]], query)
