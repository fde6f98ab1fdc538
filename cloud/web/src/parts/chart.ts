/** The chart itself, drawn by uPlot. Loaded only when a page shows one. */

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Band, History } from "../api/types";

export interface Stretch {
  from_s: number;
  to_s: number;
}

export interface Drawing {
  history: History;
  kind: "line" | "bars";
  height: number;
  /** Smallest span of the value axis, so that a flat line is not blown up to mountains. */
  least: Span;
  decimals: number;
  band?: Band;
  runs?: Stretch[];
  /** Times of which not everything is recorded. */
  gaps?: Stretch[];
  /** A level worth a line of its own, such as the river's bank. */
  mark?: { value: number; label: string };
  say(at_s: number, value: number | null): void;
  quiet(): void;
}

interface Span {
  low: number;
  high: number;
}

const BANGKOK = "Asia/Bangkok";
const DAY_S = 86_400;
/** A bar stands for the hour that begins at its time: the newest needs that much room. */
const HOUR_S = 3600;

type Paint = (name: string) => string;

function paints(on: Element): Paint {
  const style = getComputedStyle(on);
  return (name) => style.getPropertyValue(name).trim();
}

function pixels(plot: uPlot, value: number, scale: "x" | "y"): number {
  return plot.valToPos(value, scale, true);
}

function paintGround(plot: uPlot, { band, runs, gaps, mark }: Drawing, paint: Paint): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  if (band) paintBand(plot, band, paint);
  gaps?.forEach((gap) => paintGap(plot, gap, paint));
  runs?.forEach((run) => paintRun(plot, run, paint));
  if (mark) paintMark(plot, mark, paint);
  ctx.restore();
}

function paintBand(plot: uPlot, { low_pct, high_pct }: Band, paint: Paint): void {
  if (low_pct === null || high_pct === null) return;
  const { ctx, bbox } = plot;
  const [top, bottom] = [pixels(plot, high_pct, "y"), pixels(plot, low_pct, "y")];
  ctx.fillStyle = paint("--band-fill");
  ctx.fillRect(bbox.left, top, bbox.width, bottom - top);
  ctx.strokeStyle = paint("--leaf");
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([6 * devicePixelRatio, 5 * devicePixelRatio]);
  [top, bottom].forEach((y) => {
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
  });
  ctx.setLineDash([]);
}

/** A watering: a column of water with a drop on top, wide enough to be seen however short it was. */
function paintRun(plot: uPlot, { from_s, to_s }: Stretch, paint: Paint): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const left = pixels(plot, from_s, "x");
  const width = Math.max(3 * ratio, pixels(plot, to_s, "x") - left);
  ctx.fillStyle = paint("--run-fill");
  ctx.fillRect(left, bbox.top, width, bbox.height);
  ctx.fillStyle = paint("--water");
  ctx.fillRect(left, bbox.top + bbox.height - 4 * ratio, width, 4 * ratio);
  const middle = Math.max(bbox.left + 5 * ratio, Math.min(left + width / 2, bbox.left + bbox.width - 6 * ratio));
  paintDrop(ctx, middle, bbox.top + 4 * ratio, 5 * ratio);
}

const HATCH = 7;

/** A hatched band, wide enough to be seen however short the gap was. */
function paintGap(plot: uPlot, { from_s, to_s }: Stretch, paint: Paint): void {
  const { ctx, bbox } = plot;
  const [ratio, bottom, end] = [devicePixelRatio, bbox.top + bbox.height, bbox.left + bbox.width];
  const left = Math.min(Math.max(pixels(plot, from_s, "x"), bbox.left), end - 4 * ratio);
  const right = Math.max(left + 4 * ratio, Math.min(pixels(plot, to_s, "x"), end));
  if (right <= bbox.left) return;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, bbox.top, right - left, bbox.height);
  ctx.clip();
  ctx.fillStyle = paint("--gap-fill");
  ctx.fillRect(left, bbox.top, right - left, bbox.height);
  ctx.strokeStyle = paint("--gap-line");
  ctx.lineWidth = 1.5 * ratio;
  ctx.beginPath();
  const step = HATCH * ratio;
  for (let x = Math.floor((left - bbox.height) / step) * step; x < right; x += step) {
    ctx.moveTo(x, bottom);
    ctx.lineTo(x + bbox.height, bbox.top);
  }
  ctx.stroke();
  ctx.restore();
}

function paintDrop(ctx: CanvasRenderingContext2D, x: number, top: number, r: number): void {
  ctx.beginPath();
  ctx.moveTo(x, top);
  ctx.bezierCurveTo(x + r * 0.9, top + r * 1.2, x + r, top + r * 1.7, x + r, top + r * 2);
  ctx.arc(x, top + r * 2, r, 0, Math.PI);
  ctx.bezierCurveTo(x - r, top + r * 1.7, x - r * 0.9, top + r * 1.2, x, top);
  ctx.fill();
}

function paintMark(plot: uPlot, { value, label }: { value: number; label: string }, paint: Paint): void {
  const { ctx, bbox } = plot;
  const y = pixels(plot, value, "y");
  ctx.strokeStyle = paint("--earth");
  ctx.lineWidth = 2 * devicePixelRatio;
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.fillStyle = paint("--earth");
  ctx.font = font(paint);
  ctx.textAlign = "left";
  ctx.textBaseline = "bottom";
  ctx.fillText(label, bbox.left + 6 * devicePixelRatio, y - 3 * devicePixelRatio);
}

const font = (paint: Paint): string => `${13 * devicePixelRatio}px ${paint("--font")}`;

function valueRange({ least, band, mark }: Drawing): uPlot.Range.Function {
  return (_plot, low, high) => {
    const floor = Math.min(low ?? least.low, least.low, band?.low_pct ?? Infinity, mark?.value ?? Infinity);
    const ceiling = Math.max(high ?? least.high, least.high, band?.high_pct ?? -Infinity, mark?.value ?? -Infinity);
    const room = (ceiling - floor) * 0.08;
    return [floor === 0 ? 0 : floor - room, ceiling + room * (mark ? 3.5 : 2)];
  };
}

function series(drawing: Drawing, paint: Paint): uPlot.Series {
  const bars = uPlot.paths.bars?.({ size: [0.7, 40], align: 1 });
  if (drawing.kind === "bars" && bars) {
    return { stroke: paint("--water"), fill: paint("--water"), paths: bars, points: { show: false } };
  }
  return { stroke: paint("--chart-line"), width: 2.5, points: { show: false }, spanGaps: false };
}

function axes({ decimals }: Drawing, paint: Paint): uPlot.Axis[] {
  const common = {
    stroke: paint("--ink-2"),
    font: `13px ${paint("--font")}`,
    ticks: { show: false },
    grid: { stroke: paint("--line"), width: 1 },
  };
  const hour = new Intl.DateTimeFormat("en-GB", { timeZone: BANGKOK, hour: "2-digit", minute: "2-digit" });
  return [
    {
      ...common,
      grid: { show: false },
      size: 30,
      space: 64,
      incrs: [3600, 2 * 3600, 3 * 3600, 4 * 3600, 6 * 3600, 12 * 3600],
      values: (plot, times) => times.map((at) => (plot.valToPos(at, "x") > plot.over.clientWidth - HALF_LABEL_PX ? "" : hour.format(at * 1000))),
    },
    { ...common, size: 40, space: 34, incrs: [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500], values: (_plot, values) => values.map((value) => value.toFixed(value % 1 ? Math.max(1, decimals) : 0)) },
  ];
}

/** An hour whose label would run off the right edge has none. */
const HALF_LABEL_PX = 12;

/** Draws into `into`, as wide as it is; returns what redraws it with other values and what takes it away. */
export function draw(into: HTMLElement, drawing: Drawing): { redraw(history: History): void; destroy(): void } {
  const paint = paints(into);
  const options: uPlot.Options = {
    width: into.clientWidth,
    height: drawing.height,
    padding: [8, 6, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false, setScale: false }, points: { size: 10 } },
    tzDate: (at_s) => uPlot.tzDate(new Date(at_s * 1000), BANGKOK),
    scales: { x: { range: (_plot, from, to) => [Math.min(from, to - DAY_S), drawing.kind === "bars" ? to + HOUR_S : to] }, y: { range: valueRange(drawing) } },
    series: [{}, series(drawing, paint)],
    axes: axes(drawing, paint),
    hooks: {
      drawClear: [(plot) => paintGround(plot, drawing, paint)],
      setCursor: [(plot) => tellCursor(plot, drawing)],
    },
  };
  const plot = new uPlot(options, [drawing.history.t, drawing.history.v], into);
  const resize = new ResizeObserver(() => plot.setSize({ width: into.clientWidth, height: drawing.height }));
  resize.observe(into);
  return {
    redraw: (history) => plot.setData([history.t, history.v]),
    destroy() {
      resize.disconnect();
      plot.destroy();
    },
  };
}

function tellCursor(plot: uPlot, drawing: Drawing): void {
  const at = plot.cursor.idx;
  const at_s = at == null ? undefined : plot.data[0][at];
  if (at == null || at_s === undefined) drawing.quiet();
  else drawing.say(at_s, plot.data[1]?.[at] ?? null);
}
