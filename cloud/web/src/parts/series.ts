/** Series of readings, made ready to draw, to read out and to put in a table. Pure. */

import type { Gap, History } from "../api/types";
import type { Stretch } from "./chart";

const LONGEST_STEP_S = 600;

/** Puts a null where nothing was heard for long, so that a chart shows a gap and not a guess. */
export function withGaps({ t, v }: History): History {
  const steps = t.slice(1).map((at, i) => at - (t[i] ?? at));
  const usual = [...steps].sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 60;
  const longest = Math.max(LONGEST_STEP_S, usual * 4);
  const gapped: History = { t: [], v: [] };
  t.forEach((at, i) => {
    const before = t[i - 1];
    if (before !== undefined && at - before > longest) {
      gapped.t.push(before + 1);
      gapped.v.push(null);
    }
    gapped.t.push(at);
    gapped.v.push(v[i] ?? null);
  });
  return gapped;
}

const BEAT_S = 60;

/** History with a live reading at its end: the last minute is redrawn, older points stay. */
export function withNewest(history: History, newest: { t: number; v: number | null } | undefined): History {
  const last = history.t.at(-1) ?? 0;
  if (!newest || newest.t <= last) return history;
  const settled = history.t.at(-2);
  const redraw = settled !== undefined && last - settled < BEAT_S && history.t.length > 2;
  const keep = redraw ? -1 : history.t.length;
  return { t: [...history.t.slice(0, keep), newest.t], v: [...history.v.slice(0, keep), newest.v] };
}

const DAY_S = 86_400;

/** Where gaps lie on a line, in seconds. One of unknown start is drawn from the last known reading before its end. */
export function gapStretches(gaps: Gap[], { t, v }: History): Stretch[] {
  return gaps.map(({ from, to }) => {
    const to_s = new Date(to).getTime() / 1000;
    if (from !== null) return { from_s: new Date(from).getTime() / 1000, to_s };
    const before = t.filter((at, i) => at < to_s && v[i] !== null).at(-1);
    return { from_s: before ?? to_s - DAY_S, to_s };
  });
}

export interface Extent {
  low: number;
  high: number;
  last: number;
}

/** Lowest, highest and latest of what is known; null when nothing is. */
export function extent({ v }: History): Extent | null {
  const values = v.filter((value): value is number => value !== null);
  const last = values.at(-1);
  if (last === undefined) return null;
  return { low: Math.min(...values), high: Math.max(...values), last };
}

export interface Hour {
  from_s: number;
  value: number | null;
}

function byHour({ t, v }: History): Map<number, number[]> {
  const hours = new Map<number, number[]>();
  t.forEach((at, i) => {
    const hour = Math.floor(at / 3600) * 3600;
    const values = hours.get(hour) ?? [];
    const value = v[i];
    if (value !== null && value !== undefined) values.push(value);
    hours.set(hour, values);
  });
  return hours;
}

/** The mean of every hour, newest first; an hour without a known value is null. */
export function hourlyMeans(history: History): Hour[] {
  const hours = [...byHour(history)].map(([from_s, values]) => ({
    from_s,
    value: values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null,
  }));
  return hours.sort((a, b) => b.from_s - a.from_s);
}

/** What a counter that only rises grew by in every hour, oldest first; after a reset it counts on from zero. */
export function hourlyGrowth({ t, v }: History): History {
  const grown = new Map<number, number>();
  let before: number | null = null;
  t.forEach((at, i) => {
    const value = v[i] ?? null;
    if (value === null) return;
    const hour = Math.floor(at / 3600) * 3600;
    const growth: number = before === null ? 0 : value >= before ? value - before : value;
    grown.set(hour, (grown.get(hour) ?? 0) + growth);
    before = value;
  });
  const hours = [...grown.keys()].sort((a, b) => a - b);
  return { t: hours, v: hours.map((hour) => grown.get(hour) ?? null) };
}
