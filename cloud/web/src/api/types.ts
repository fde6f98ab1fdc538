/** What the cloud says, as in its HTTP API. Times are ISO 8601 in UTC; an unknown number is null, never 0. */

export interface Text {
  th: string;
  en: string;
}

export type Quality =
  | "good"
  | "stale"
  | "stuck"
  | "out_of_range"
  | "jumped"
  | "disagrees"
  | "device_fault"
  | "clock_suspect"
  | "substituted";

export interface Measure {
  datastream: string;
  property: string;
  name: Text;
  unit: string;
  value: number | null;
  last_value: number | null;
  quality: Quality | null;
  observed_at: string | null;
  fresh: boolean;
}

export interface Tank extends Measure {
  full_cm: number | null;
}

export type RunOutcome = "done" | "stopped" | "failed" | "interrupted";

/** What one injector gave; a farm of an older version does not tell liquid and name. */
export interface Dose {
  injector: string;
  liquid: string | null;
  name: Text | null;
  ml: number;
}

export interface Run {
  id: string;
  zone: string;
  cause: string | null;
  started_at: string;
  ended_at: string | null;
  planned_s: number | null;
  /** How long water ran; null while it runs, or when the farm has not told. */
  duration_s: number | null;
  /** The litres that a person asked for; then `planned_s` is only the longest that it may take. */
  planned_litres: number | null;
  litres: number | null;
  doses: Dose[];
  /** What the pump took, about; null when not known. */
  kwh: number | null;
  baht: number | null;
  outcome: RunOutcome | null;
  reason: Text | null;
}

export type CommandState = "queued" | "sent" | "accepted" | "running" | "refused" | "done" | "failed" | "expired";

export type Action = "water" | "stop" | "clear" | "lock";

/** How much water a person asks for: a time, or litres, which the zone's longest time ends in any case. */
export type Amount = { minutes: number } | { litres: number };

export interface Command {
  id: string;
  site: string;
  zone: string | null;
  action: Action;
  minutes: number | null;
  litres: number | null;
  latch: string | null;
  state: CommandState;
  reason: Text | null;
  created_at: string;
  expires_at: string;
  run_id: string | null;
}

export interface Alert {
  id: string;
  rule: string;
  site: string;
  datastream: string | null;
  state: "pending" | "firing" | "resolved";
  severity: "warning" | "critical";
  title: Text;
  text: Text;
  since: string;
  resolved_at: string | null;
}

/** The soil moisture that the crop wants; null where nobody has said. */
export interface Band {
  low_pct: number | null;
  high_pct: number | null;
}

export type ZoneState = "dry" | "good" | "wet" | "unknown";

/** Something found wrong, which stands until a person has looked and clears it. */
export interface FoundWrong {
  id: string;
  kind: string;
  text: Text;
  since: string | null;
}

/** What it concerns gets no water meanwhile. */
export interface Latch extends FoundWrong {
  subject: string;
  zones: string[];
}

/** Somebody has locked a zone, or with null the whole site. It is unlocked at the place itself only. */
export interface Lockout {
  id: string;
  zone: string | null;
  who: string;
  why: string;
  since: string | null;
}

export interface Zone {
  id: string;
  name: Text;
  crop: Text | null;
  area_m2: number | null;
  moisture: Measure;
  band: Band;
  state: ZoneState;
  valve: Measure;
  running: boolean | null;
  run: Run | null;
  last_run: Run | null;
  next: { at: string | null; text: Text } | null;
  max_run_s: number;
  /** Where the cabinet's switch stands; null without one. */
  mode: { mode: "off" | "hand" | "auto" | "unknown"; text: Text } | null;
  latches: Latch[];
  lockouts: Lockout[];
  /** Why no water runs now, in one sentence; null while it runs. */
  why_not: Text | null;
}

/** The machine at a site. */
export interface Node {
  id: string;
  online: boolean;
  last_heard_at: string | null;
}

export interface FarmSite {
  tenant: string;
  id: string;
  kind: "farm";
  name: Text;
  node: Node;
  zones: Zone[];
  pump: Measure | null;
  tank: Tank | null;
  flow: Measure | null;
  measures: Measure[];
  emergency: { since: string | null } | null;
  latches: Latch[];
  lockouts: Lockout[];
}

export interface Overview {
  now: string;
  sites: FarmSite[];
  alerts: Alert[];
}

export interface History {
  t: number[];
  v: (number | null)[];
}

/** A time of which nothing is recorded, or only one value a minute, and why. Nobody knows when it began: null. */
export interface Gap {
  from: string | null;
  to: string;
  cause: string;
  readings: number | null;
  text: Text;
}

export interface ThingHistory extends History {
  gaps: Gap[];
}

export interface ZoneHistory {
  from: string;
  to: string;
  moisture: History;
  band: Band;
  runs: Run[];
  gaps: Gap[];
}

/** Something that a site's controller has told; null where it did not know the time. */
export interface SiteEvent {
  id: string;
  kind: string;
  at: string | null;
  title: Text;
  text: Text | null;
  zone: string | null;
}

export type AirBand = "very_good" | "good" | "moderate" | "starts_to_affect" | "affects" | "not_enough_data";

export interface Air {
  pm2_5_24h: number | null;
  hours: number;
  aqi: number | null;
  aqi_text: string | null;
  band: AirBand;
  label: Text;
  advice: Text;
}

export interface Rain {
  today_mm: number | null;
  /** From when it counts, when not from seven. */
  since: string | null;
  /** Up to when it counts, when the gauge has gone silent. */
  until: string | null;
  band: string | null;
  label: Text;
}

export interface River {
  level_m: number | null;
  bank_height_m: number | null;
  bank_pct: number | null;
  band: string | null;
  label: Text;
  trend: "rising" | "falling" | "steady" | null;
}

export interface Sensor {
  thing: string;
  kind: "air" | "rain" | "river";
  name: Text;
  measures: Measure[];
  air?: Air;
  rain?: Rain;
  river?: River;
}

export type StationState = "on" | "off" | "open" | "closed" | "unknown";

/** A pumping station or a gate. In hand nobody afar moves it; `alarm` is what somebody must look after at once. */
export interface Station {
  id: string;
  name: Text;
  state: StationState;
  text: Text;
  parts: { id: string; name: Text; state: StationState }[];
  level: Measure | null;
  mode: "off" | "hand" | "auto" | "unknown" | null;
  locked: boolean | null;
  in_hand: boolean;
  ordered: boolean;
  /** What an order from afar makes of it; null when its controller has not said. */
  order_state: "on" | "open" | "closed" | null;
  max_order_s: number;
  level_by: "gauge" | "witness" | "nobody";
  /** When its level, pumps or gate were last read, and whether that is now. */
  heard_at: string | null;
  fresh: boolean;
  alarm: Text | null;
  latches: FoundWrong[];
}

export interface TownSite {
  tenant: string;
  id: string;
  name: Text;
  node: Node;
  sensors: Sensor[];
  stations: Station[];
}

export interface Town {
  now: string;
  sites: TownSite[];
}

export interface Me {
  user: { name: string; display_name: string; role: "farmer" | "viewer"; tenants: string[] };
  can_command: boolean;
  /** The tenants in which one may. */
  commands_in: string[];
}

export interface LiveReadings {
  tenant: string;
  site: string;
  readings: { datastream: string; observed_at: string; value: number | null; quality: Quality }[];
}

export type Changed = "overview" | "town" | "alerts";
