/** Whether water runs, where what the farm told of a watering is newer than the reading that says otherwise. */

import type { FarmSite, Measure, Run, Zone } from "../api/types";
import { known, remaining_s } from "../words/format";

export type Water = "on" | "off" | "unknown" | "waiting";

const OPEN_VALVE = 0.5;
/** A watering begins with the valve, then the pump, then water: what is read meanwhile is still from before. */
const OPENING_MS = 5_000;

/** A watering that nobody ended is taken for one that is being closed for so long after its planned end. */
const CLOSING_S = 60;

export type Doubt = "overdue" | "unheard";

/** Why a watering that has not been told to have ended cannot be trusted to go on as planned; null while it can. */
export function doubtOf(zone: Zone, now_ms: number): Doubt | null {
  if (!zone.run) return null;
  const left_s = remaining_s(zone.run, now_ms);
  const up = left_s !== null && left_s <= 0;
  if (waterOf(zone) === "unknown") return up ? "overdue" : "unheard";
  if (left_s === null || left_s > -CLOSING_S) return null;
  const { observed_at } = zone.valve;
  return !observed_at || time(observed_at) < now_ms + left_s * 1000 ? "overdue" : null;
}

/** How a watering of the day is to be told: it has ended, it goes on, or nobody knows whether it does. */
export type Fate = "ended" | "running" | Doubt | "lost";

/** `lost`: no end of it was ever heard, and the farm has gone on to others since. */
export function fateOf(run: Run, zone: Zone, now_ms: number): Fate {
  if (run.ended_at) return "ended";
  if (run.id !== zone.run?.id) return "lost";
  return doubtOf(zone, now_ms) ?? "running";
}

/** When water stopped, in milliseconds; the end of a watering that was cut off is told later than that. While it runs
 * that is now; where nobody knows, when it was to stop at the latest. */
export function ranUntil_ms(run: Run, fate: Fate, now_ms: number): number {
  const started_ms = time(run.started_at);
  if (run.ended_at) return run.duration_s === null ? time(run.ended_at) : started_ms + run.duration_s * 1000;
  if (fate === "running" || run.planned_s === null) return now_ms;
  return Math.min(now_ms, started_ms + run.planned_s * 1000);
}

/** True when the farm has told that a watering ended well, which is newer than what was read of the valve. */
export function saidClosed(zone: Zone): boolean {
  const { outcome } = zone.last_run ?? {};
  return zone.run === null && waterOf(zone) === "waiting" && (outcome === "done" || outcome === "stopped");
}

/** True when a farm is connected but nothing that it measures has been heard for longer than it may be silent. */
export function isSilent(site: FarmSite): boolean {
  const soil = site.zones.flatMap(({ moisture, valve }) => [moisture, valve]);
  const all = [...soil, ...site.measures, site.pump, site.tank, site.flow].filter((measure) => measure !== null);
  return all.some(({ observed_at }) => observed_at) && all.every(({ fresh }) => !fresh);
}

/** Whether the page says without doubt that water runs here. */
export const isWatering = (zone: Zone, now_ms: number): boolean => waterOf(zone) === "on" && !doubtOf(zone, now_ms);

/** `waiting`: the valve was last read before the watering began or ended, or the cloud has not yet judged what was read. */
export function waterOf(zone: Zone): Water {
  if (zone.running === null) return "unknown";
  const valve = known(zone.valve);
  const judgedAnew = valve !== null && valve >= OPEN_VALVE !== zone.running;
  if (judgedAnew || overtaken(zone.valve.observed_at, zone.running, [zone])) return "waiting";
  return zone.running ? "on" : "off";
}

/** True when a reading of the pump or the flow is from before the watering began or ended, and so says what was. */
export function isOvertaken(measure: Measure, site: FarmSite): boolean {
  const value = known(measure);
  return value !== null && overtaken(measure.observed_at, value > 0, site.zones);
}

function overtaken(observed_at: string | null, flows: boolean, zones: Zone[]): boolean {
  if (!observed_at) return false;
  const at = time(observed_at);
  const runs = zones.flatMap(({ run }) => run ?? []);
  if (runs.length > 0) return !flows && runs.some((run) => at < time(run.started_at) + OPENING_MS);
  return flows && zones.some(({ last_run }) => last_run?.ended_at && at < time(last_run.ended_at));
}

const time = (at: string): number => new Date(at).getTime();
