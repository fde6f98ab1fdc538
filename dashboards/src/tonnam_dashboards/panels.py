"""The kinds of panel that Tonnam's dashboards are made of, and how they are laid out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from grafana_foundation_sdk.builders.common import (
    GraphThresholdsStyleConfig,
    ReduceDataOptions,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import Dashboard, FieldColor, QueryVariable, Row, TextBoxVariable
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.statetimeline import Panel as States
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as Lines
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.common import (
    BarAlignment,
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    GraphDrawStyle,
    GraphThresholdsStyleMode,
    LegendPlacement,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
)

from tonnam_dashboards import bands
from tonnam_dashboards.bands import Band
from tonnam_dashboards.influx import SOURCE, Ask, last_heard

Panel: TypeAlias = Stat | Lines | States | Table
Variable: TypeAlias = QueryVariable | TextBoxVariable

SILENCE_MS = 3_600_000  # after an hour without a reading the line breaks: nothing is drawn where nothing is known
FRESH = "1h"  # a LoRaWAN sensor speaks a few times an hour
AGE_UNIT = units.DateTimeFromNow


def lines(title: str, asks: Sequence[Ask], unit: str, *, decimals: int = 1, span: int = 12) -> Lines:
    """Values over time, one line a thing; a line breaks where readings are missing."""
    return (
        Lines()
        .title(title)
        .datasource(SOURCE)
        .targets(list(asks))
        .unit(unit)
        .decimals(decimals)
        .interval("10s")
        .height(9)
        .span(span)
        .line_width(2)
        .fill_opacity(8)
        .show_points(VisibilityMode.AUTO)
        .insert_nulls(SILENCE_MS)
        .legend(VizLegendOptions().show_legend(True).placement(LegendPlacement.BOTTOM).calcs(["lastNotNull"]))
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    )


def with_bands(panel: Lines, of: Sequence[Band]) -> Lines:
    """The same lines, with the bands as coloured ground behind them."""
    style = GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.AREA)
    return panel.thresholds(bands.thresholds(of)).thresholds_style(style).fill_opacity(0)


def second_axis(panel: Lines, series: str, unit: str) -> Lines:
    """Series whose name matches the regular expression take another unit, on the right."""
    properties = [DynamicConfigValue("unit", unit), DynamicConfigValue("custom.axisPlacement", "right")]
    return panel.override_by_regexp(series, properties)


def each_day(title: str, asks: Sequence[Ask], unit: str, *, decimals: int = 0, span: int = 12) -> Lines:
    """One bar a day for the last two weeks, whatever range the dashboard shows."""
    panel = lines(title, asks, unit, decimals=decimals, span=span).time_from("14d").min(0)
    panel.draw_style(GraphDrawStyle.BARS).bar_alignment(BarAlignment.AFTER).bar_width_factor(0.8)
    return panel.fill_opacity(60).insert_nulls(False).show_points(VisibilityMode.NEVER)


def now(title: str, ask: Ask, unit: str, *, decimals: int = 1, span: int = 6, of: Sequence[Band] = ()) -> Stat:
    """The newest value in large figures, coloured by its band; what is older than `FRESH` is not "now"."""
    panel = (
        Stat()
        .title(title)
        .datasource(SOURCE)
        .with_target(ask)
        .time_from(FRESH)
        .hide_time_override(True)
        .unit(unit)
        .decimals(decimals)
        .height(5)
        .span(span)
        .graph_mode(BigValueGraphMode.NONE)
        .color_mode(BigValueColorMode.VALUE)
        .text_mode(BigValueTextMode.VALUE_AND_NAME)
        .no_value("ไม่มีข้อมูล / No data")
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    )
    return panel.thresholds(bands.thresholds(of or (Band(None, "text", ""),)))


def in_words(title: str, ask: Ask, of: Sequence[Band], *, span: int = 6) -> Stat:
    """The band of the newest value, as words on its colour."""
    panel = now(title, ask, "none", span=span, of=of).color_mode(BigValueColorMode.BACKGROUND)
    return panel.mappings(bands.in_words(of))


def age(title: str, *, span: int = 6) -> Stat:
    """How long ago anything was heard from here, even a value that was rejected."""
    panel = now(title, Ask(last_heard()), AGE_UNIT, span=span).time_from("30d")
    newest = ReduceDataOptions().calcs(["max"]).values(False).fields("/^Time$/")
    by_time = DataTransformerConfig(id_val="seriesToRows", options={})
    return panel.with_transformation(by_time).reduce_options(newest).text_mode(BigValueTextMode.VALUE)


def states(title: str, asks: Sequence[Ask], of: Sequence[Band], *, span: int = 24) -> States:
    """When each switch was on; empty where nothing was heard."""
    return (
        States()
        .title(title)
        .datasource(SOURCE)
        .targets(list(asks))
        .mappings(bands.by_number(of))
        .color_scheme(FieldColor().mode(FieldColorModeId.FIXED).fixed_color(bands.GREY))
        .interval("10s")
        .insert_nulls(SILENCE_MS)
        .merge_values(True)
        .show_value(VisibilityMode.AUTO)
        .height(7)
        .span(span)
    )


def last_seen(title: str, *, span: int = 24) -> Table:
    """Each datastream, when it was last heard, and how good that reading was; silent for a month still shows."""
    ask = Ask(last_heard(), alias="[[tag_thing]] · $m")
    rename = {"Time": "ข้อมูลล่าสุด / Last heard", "Metric": "จุดวัด / Datastream", "Value": "คุณภาพ / Quality"}
    quality = [
        DynamicConfigValue("mappings", bands.by_number(bands.QUALITY)),
        DynamicConfigValue("custom.cellOptions", {"type": "color-text"}),
    ]
    return (
        Table()
        .title(title)
        .datasource(SOURCE)
        .with_target(ask)
        .time_from("30d")
        .height(12)
        .span(span)
        .with_transformation(DataTransformerConfig(id_val="seriesToRows", options={}))
        .with_transformation(DataTransformerConfig(id_val="organize", options={"renameByName": rename}))
        .override_by_name(rename["Time"], [DynamicConfigValue("unit", AGE_UNIT)])
        .override_by_name(rename["Value"], quality)
    )


def dashboard(uid: str, title: str, description: str, variables: Sequence[Variable]) -> Dashboard:
    """An empty dashboard with what all of ours share."""
    made = (
        Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["tonnam"])
        .timezone("Asia/Bangkok")
        .week_start("monday")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .refresh("30s")
        .readonly()
    )
    return made.variables(list(variables))


def lay_out(made: Dashboard, rows: Sequence[tuple[str, Sequence[Panel]]]) -> Dashboard:
    """Put titled rows of panels below each other; every panel and row gets a number of its own."""
    number = 0
    for title, panels in rows:
        number += 1
        made.with_row(Row(title).id(number).collapsed(False))
        for panel in panels:
            number += 1
            made.with_panel(panel.id(number))
    return made
