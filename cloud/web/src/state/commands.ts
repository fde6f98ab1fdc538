/** The commands that a person gave, from the press of the button to what became of it. */

import { api, Failure, wishKey } from "../api/client";
import type { Action, Amount, Command, CommandState, Text } from "../api/types";
import { store } from "./store";

export interface SitePlace {
  tenant: string;
  site: string;
}

export interface ZonePlace extends SitePlace {
  zone: string;
}

/** `sending`: on its way; `unsure`: no answer yet, sent again with the same key; `lost`: given up, nothing heard. */
export type Stage = "sending" | "unsure" | "lost" | CommandState;

/** What a person does, as the page says it: for a station water is an order, and its end. */
export type Doing = Action | "order" | "end";

export interface Wish {
  action: Doing;
  /** Whether a station is to do it, and not a farm. */
  station: boolean;
  amount: Amount | null;
  stage: Stage;
  id: string | null;
  reason: Text | null;
}

const FINAL: readonly Stage[] = ["lost", "done", "refused", "failed", "expired"];
const ORDER: readonly Stage[] = ["sending", "unsure", "queued", "sent", "accepted", "running", ...FINAL];
const TRIES = 4;
const ASK_MS = 3_000;

export const wishes = store<ReadonlyMap<string, Wish>>(new Map());

/** What a person orders: `at` is where the page says what becomes of it; one order stands there at a time. */
export interface Order {
  at: string;
  action: Doing;
  station: boolean;
  amount: Amount | null;
  send(key: string): Promise<Command>;
}

export const watering = (place: ZonePlace, amount: Amount): Order => ({
  at: zoneKey(place),
  action: "water",
  station: false,
  amount,
  send: (key) => api.water(place.tenant, place.site, place.zone, amount, key),
});

export const stopping = (place: ZonePlace): Order => ({
  at: zoneKey(place),
  action: "stop",
  station: false,
  amount: null,
  send: (key) => api.stop(place.tenant, place.site, place.zone, key),
});

/** For so many minutes a station does what it does at high water. */
export const ordering = (place: ZonePlace, minutes: number): Order => ({
  ...watering(place, { minutes }),
  action: "order",
  station: true,
});

export const endingOrder = (place: ZonePlace): Order => ({ ...stopping(place), action: "end", station: true });

export const clearing = (at: string, { tenant, site }: SitePlace, latch: string, station: boolean): Order => ({
  at,
  action: "clear",
  station,
  amount: null,
  send: (key) => api.clear(tenant, site, latch, key),
});

export const locking = (at: string, { tenant, site }: SitePlace, zone: string | null, why: string): Order => ({
  at,
  action: "lock",
  station: false,
  amount: null,
  send: (key) => api.lock(tenant, site, zone, why, key),
});

export const zoneKey = ({ tenant, site, zone }: ZonePlace): string => `${tenant}/${site}/${zone}`;
export const isFinal = (stage: Stage): boolean => FINAL.includes(stage);

function put(at: string, wish: Wish | null): void {
  const next = new Map(wishes.get());
  if (wish) next.set(at, wish);
  else next.delete(at);
  wishes.set(next);
}

export function dismiss(at: string): void {
  put(at, null);
}

/** Sends an order, again with the same key while the signal is bad, then follows it to its end. */
export async function give(order: Order, onFailure: (why: unknown) => boolean): Promise<void> {
  const key = wishKey();
  const { at, action, station, amount } = order;
  const wish: Wish = { action, station, amount, stage: "sending", id: null, reason: null };
  put(at, wish);
  for (let tried = 1; ; tried++) {
    try {
      const command = await order.send(key);
      put(at, { ...wish, stage: command.state, id: command.id, reason: command.reason });
      return follow(at, command.id);
    } catch (failure) {
      if (onFailure(failure)) return put(at, null);
      const refused = failure instanceof Failure && failure.kind === "refused";
      if (refused) return put(at, { ...wish, stage: "refused", reason: failure.text });
      if (tried === TRIES) return put(at, { ...wish, stage: "lost" });
      put(at, { ...wish, stage: "unsure" });
      await pause(tried * 1_500);
    }
  }
}

/**
 * Takes in what the live stream says of a command; a word that is older than what is shown is passed over. What the
 * cloud called expired, because it heard nothing, is not the last word: the farm's own may still come.
 */
export function hear(command: Command): void {
  for (const [key, wish] of wishes.get()) {
    const told = isFinal(wish.stage) || ORDER.indexOf(command.state) < ORDER.indexOf(wish.stage);
    if (wish.id !== command.id || (told && wish.stage !== "expired")) continue;
    const next = new Map(wishes.get());
    next.set(key, { ...wish, stage: command.state, reason: command.reason });
    wishes.set(next);
  }
}

/** Asks now and then, for when the live stream is away. Ends with the command, or when another took its place. */
async function follow(at: string, id: string): Promise<void> {
  for (;;) {
    await pause(ASK_MS);
    const wish = wishes.get().get(at);
    if (!wish || wish.id !== id || isFinal(wish.stage)) return;
    if (document.hidden) continue;
    await api.command(id).then(hear, () => undefined);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
