/** The command that a person gave to a zone, from the press of the button to what became of it. */

import { api, Failure, wishKey } from "../api/client";
import type { Command, CommandState, Text } from "../api/types";
import { store } from "./store";

export interface ZonePlace {
  tenant: string;
  site: string;
  zone: string;
}

/** `sending`: on its way; `unsure`: no answer yet, sent again with the same key; `lost`: given up, nothing heard. */
export type Stage = "sending" | "unsure" | "lost" | CommandState;

export interface Wish {
  action: "water" | "stop";
  minutes: number;
  stage: Stage;
  id: string | null;
  reason: Text | null;
}

const FINAL: readonly Stage[] = ["lost", "done", "refused", "failed", "expired"];
const ORDER: readonly Stage[] = ["sending", "unsure", "queued", "sent", "accepted", "running", ...FINAL];
const TRIES = 4;
const ASK_MS = 3_000;

export const wishes = store<ReadonlyMap<string, Wish>>(new Map());

export const zoneKey = ({ tenant, site, zone }: ZonePlace): string => `${tenant}/${site}/${zone}`;
export const isFinal = (stage: Stage): boolean => FINAL.includes(stage);

function put(place: ZonePlace, wish: Wish | null): void {
  const next = new Map(wishes.get());
  if (wish) next.set(zoneKey(place), wish);
  else next.delete(zoneKey(place));
  wishes.set(next);
}

export function dismiss(place: ZonePlace): void {
  put(place, null);
}

/** Sends a wish, again with the same key while the signal is bad, then follows it to its end. */
export async function give(place: ZonePlace, action: Wish["action"], minutes: number, onFailure: (why: unknown) => boolean): Promise<void> {
  const key = wishKey();
  const wish: Wish = { action, minutes, stage: "sending", id: null, reason: null };
  put(place, wish);
  for (let tried = 1; ; tried++) {
    try {
      const command = await send(place, action, minutes, key);
      put(place, { ...wish, stage: command.state, id: command.id, reason: command.reason });
      return follow(place, command.id);
    } catch (failure) {
      if (onFailure(failure)) return put(place, null);
      const refused = failure instanceof Failure && failure.kind === "refused";
      if (refused) return put(place, { ...wish, stage: "refused", reason: failure.text });
      if (tried === TRIES) return put(place, { ...wish, stage: "lost" });
      put(place, { ...wish, stage: "unsure" });
      await pause(tried * 1_500);
    }
  }
}

function send({ tenant, site, zone }: ZonePlace, action: Wish["action"], minutes: number, key: string): Promise<Command> {
  return action === "water" ? api.water(tenant, site, zone, minutes, key) : api.stop(tenant, site, zone, key);
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
async function follow(place: ZonePlace, id: string): Promise<void> {
  for (;;) {
    await pause(ASK_MS);
    const wish = wishes.get().get(zoneKey(place));
    if (!wish || wish.id !== id || isFinal(wish.stage)) return;
    if (document.hidden) continue;
    await api.command(id).then(hear, () => undefined);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
