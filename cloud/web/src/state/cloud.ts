/** What the page knows of the cloud: who is signed in, the farm, the town, and how fresh all of it is. */

import { api, Failure } from "../api/client";
import { listen } from "../api/live";
import type { Changed, FarmSite, LiveReadings, Me, Measure, Overview, Town } from "../api/types";
import { hear, wishes, type Stage } from "./commands";
import { forget, keep, kept } from "./kept";
import { store } from "./store";

export type Session = { is: "unknown" } | { is: "out"; ended: boolean } | { is: "in"; me: Me };
export type Link = "connecting" | "live" | "reconnecting" | "offline";

export const session = store<Session>({ is: "unknown" });
/** Whether who is signed in may command in a tenant. */
export const mayCommand = (who: Session, tenant: string): boolean => who.is === "in" && who.me.commands_in.includes(tenant);

export const overview = store<Overview | null>(null);
export const town = store<Town | null>(null);
export const link = store<Link>("connecting");
/** When, by the cloud's clock, the cloud was last heard; null before the first time. */
export const heardAt = store<number | null>(null);
/** The newest live readings by "tenant/site/thing/property", for charts that are open. */
export const newest = store<ReadonlyMap<string, { t: number; v: number | null }>>(new Map());

const COALESCE_MS = 500;
const REFETCH_MS = 400;
const LIVE_CHECK_MS = 60_000;
const BLIND_CHECK_MS = 10_000;
/** The stages of a command at which water begins or ends. */
const TURNS: ReadonlySet<Stage> = new Set<Stage>(["running", "done", "failed"]);

let clockAhead_ms = 0;

/** Now by the cloud's clock, so that a phone with a wrong clock still says "12 seconds ago" rightly. */
export function cloudNow(): number {
  return Date.now() + clockAhead_ms;
}

// ---- signing in and out

export async function begin(): Promise<void> {
  const before = kept();
  try {
    enter(await api.me());
  } catch (failure) {
    if (failure instanceof Failure && failure.kind === "away" && before) {
      link.set("offline");
      enter(before.me);
    } else if (failure instanceof Failure && failure.kind === "away") {
      link.set("offline");
      setTimeout(() => void begin(), BLIND_CHECK_MS);
    } else {
      leave(false);
    }
  }
}

export function enter(me: Me): void {
  const before = kept();
  if (before && before.me.user.name === me.user.name) {
    overview.set(before.overview);
    town.set(before.town);
    heardAt.set(before.heardAt);
  }
  session.set({ is: "in", me });
  resume();
}

function leave(ended: boolean): void {
  suspend();
  forget();
  overview.set(null);
  town.set(null);
  heardAt.set(null);
  session.set({ is: "out", ended });
}

export async function signOut(): Promise<void> {
  await api.signOut().catch(() => undefined);
  leave(false);
}

/** Ends the session when the cloud says so; any other failure is for the caller. */
export function endedBy(failure: unknown): boolean {
  const ended = failure instanceof Failure && failure.kind === "signed-out";
  if (ended) leave(true);
  return ended;
}

// ---- listening, only while someone looks

let stopListening: (() => void) | null = null;
let check: ReturnType<typeof setTimeout> | undefined;

function resume(): void {
  if (stopListening || document.hidden || session.get().is !== "in") return;
  if (link.get() !== "offline") link.set("connecting");
  void refetch("overview");
  void refetch("town");
  stopListening = listen({
    opened: () => {
      link.set("live");
      touch();
      void refetch("overview");
      void refetch("town");
    },
    lost: () => link.set(navigator.onLine ? "reconnecting" : "offline"),
    signedOut: () => leave(true),
    readings: (what) => {
      touch();
      gather(what);
    },
    command: (what) => {
      touch();
      hear(what);
    },
    changed: (what) => {
      touch();
      refetchSoon(what);
    },
  });
  scheduleCheck();
}

function suspend(): void {
  stopListening?.();
  stopListening = null;
  clearTimeout(check);
}

/** Asks again by itself when nothing has made it ask for long, sooner while the live stream is away. */
function scheduleCheck(): void {
  clearTimeout(check);
  if (!stopListening) return;
  check = setTimeout(
    () => {
      void refetch("overview");
      void refetch("town");
      scheduleCheck();
    },
    link.get() === "live" ? LIVE_CHECK_MS : BLIND_CHECK_MS,
  );
}

export function watchThePage(): void {
  document.addEventListener("visibilitychange", () => (document.hidden ? suspend() : resume()));
  window.addEventListener("offline", () => link.set("offline"));
  window.addEventListener("pagehide", suspend);
  window.addEventListener("pageshow", resume);
  wishes.watch(refetchForCommands);
  link.watch(() => stopListening && scheduleCheck());
}

function touch(): void {
  heardAt.set(cloudNow());
}

// ---- fetching

const soon = new Map<string, ReturnType<typeof setTimeout>>();

export function refetchSoon(what: Changed): void {
  const which = what === "town" ? "town" : "overview";
  if (soon.has(which)) return;
  soon.set(
    which,
    setTimeout(() => {
      soon.delete(which);
      void refetch(which);
    }, REFETCH_MS),
  );
}

/** The turns of commands that were seen, each as "id stage". */
const turned = new Set<string>();

/** When a command has begun or ended the water, the farm is asked for at once, that the two say the same. */
function refetchForCommands(): void {
  const turns = [...wishes.get().values()].filter(({ stage }) => TURNS.has(stage)).map(({ id, stage }) => `${id} ${stage}`);
  const unseen = turns.filter((turn) => !turned.has(turn));
  unseen.forEach((turn) => turned.add(turn));
  if (unseen.length === 0) return;
  void refetch("overview");
  if ([...wishes.get().values()].some(({ station }) => station)) void refetch("town");
}

async function refetch(which: "overview" | "town"): Promise<void> {
  try {
    if (which === "town") town.set(await api.town());
    else {
      const next = await api.overview();
      clockAhead_ms = new Date(next.now).getTime() - Date.now();
      overview.set(next);
    }
    touch();
    remember();
    scheduleCheck();
  } catch (failure) {
    if (!endedBy(failure) && link.get() !== "live") link.set("offline");
  }
}

function remember(): void {
  const who = session.get();
  if (who.is === "in") keep({ me: who.me, overview: overview.get(), town: town.get(), heardAt: cloudNow() });
}

// ---- live readings, put into what is shown twice a second at most

/** A reading further ahead than this is from a wrong clock: it must not stand before those that are from now. */
const AHEAD_MS = 5 * 60_000;

type Fresh = Pick<Measure, "value" | "quality" | "observed_at" | "fresh">;
const waiting = new Map<string, Fresh>();
let flushing: ReturnType<typeof setTimeout> | undefined;

function gather(what: LiveReadings): void {
  for (const { datastream, observed_at, value, quality } of what.readings) {
    if (new Date(observed_at).getTime() > cloudNow() + AHEAD_MS) continue;
    waiting.set(datastream, { value, quality, observed_at, fresh: true });
  }
  flushing ??= setTimeout(flush, COALESCE_MS);
}

function flush(): void {
  flushing = undefined;
  const arrived = new Map(waiting);
  waiting.clear();
  const before = overview.get();
  if (before) overview.set({ ...before, sites: before.sites.map((site) => withReadings(site, arrived)) });
  if (touchesJudgement(before, arrived)) refetchSoon("overview");
  const series = new Map(newest.get());
  arrived.forEach(({ observed_at, value }, datastream) => {
    series.set(datastream, { t: new Date(observed_at ?? 0).getTime() / 1000, v: value });
  });
  newest.set(series);
}

function withReadings(site: FarmSite, arrived: ReadonlyMap<string, Fresh>): FarmSite {
  const update = <M extends Measure | null>(measure: M): M => {
    const fresh = measure && arrived.get(measure.datastream);
    const newer = fresh && (!measure.observed_at || (fresh.observed_at ?? "") >= measure.observed_at);
    return newer ? { ...measure, ...fresh } : measure;
  };
  return {
    ...site,
    zones: site.zones.map((zone) => ({ ...zone, moisture: update(zone.moisture), valve: update(zone.valve) })),
    pump: update(site.pump),
    tank: update(site.tank),
    flow: update(site.flow),
    measures: site.measures.map(update),
  };
}

/** True when a reading may change a word that only the cloud says: dry, good, wet, running. Then ask it. */
function touchesJudgement(before: Overview | null, arrived: ReadonlyMap<string, Fresh>): boolean {
  const zones = before?.sites.flatMap((site) => site.zones) ?? [];
  return zones.some(({ moisture, valve, band }) => {
    const side = (value: number | null | undefined) => (value == null ? "?" : value < (band.low_pct ?? 0) ? "-" : value > (band.high_pct ?? 100) ? "+" : "=");
    const soil = arrived.get(moisture.datastream);
    const water = arrived.get(valve.datastream);
    return (soil && side(soil.value) !== side(moisture.value)) || (water && water.value !== valve.value);
  });
}
