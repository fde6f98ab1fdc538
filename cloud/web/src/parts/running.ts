/** Whether water runs, where what the farm told of a watering is newer than the reading that says otherwise. */

import type { FarmSite, Measure, Zone } from "../api/types";
import { known } from "../words/format";

export type Water = "on" | "off" | "unknown" | "waiting";

const OPEN_VALVE = 0.5;
/** A watering begins with the valve, then the pump, then water: what is read meanwhile is still from before. */
const OPENING_MS = 5_000;

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
