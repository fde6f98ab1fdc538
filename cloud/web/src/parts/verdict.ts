/** What a farm needs, in one or two sentences, the most pressing first. */

import type { FarmSite, Zone } from "../api/types";
import type { Key, Words } from "../words";
import { listed } from "../words/format";
import { doubtOf, isSilent, isWatering } from "./running";

type Sentence = Exclude<Extract<Key, `verdict_${string}`>, "verdict_away" | "verdict_elsewhere" | "verdict_silent" | "verdict_locked_site" | "verdict_good" | "verdict_none">;

export function verdict(site: FarmSite, words: Words, now_ms: number): string[] {
  const { zones, node } = site;
  if (zones.length === 0) return [words.t("verdict_none")];
  const about = (key: Sentence, some: Zone[]) => (some.length ? [words.t(key, { zones: names(some, words) })] : []);
  const waters = (zone: Zone) => isWatering(zone, now_ms);
  const still = zones.filter((zone) => !waters(zone));
  const inState = (state: Zone["state"]) => still.filter((zone) => zone.state === state);
  const allGood = zones.every((zone) => zone.state === "good" && !waters(zone));
  const failed = still.filter(({ run, last_run, latches }) => !run && last_run?.outcome === "failed" && latches.length === 0);
  return [
    ...(!node.online ? [words.t("verdict_away")] : isSilent(site) ? [words.t("verdict_silent")] : []),
    ...about("verdict_doubt", zones.filter((zone) => doubtOf(zone, now_ms))),
    ...stands(site, words, about),
    ...about("verdict_failed", failed),
    ...about("verdict_running", zones.filter(waters)),
    ...about("verdict_dry", inState("dry")),
    ...about("verdict_unknown", inState("unknown")),
    ...about("verdict_wet", inState("wet")),
    ...(allGood ? [words.t("verdict_good")] : about("verdict_good_some", inState("good"))),
  ];
}

/** What keeps water off until a person acts: it goes before how the soil is. */
function stands({ zones, emergency, latches, lockouts }: FarmSite, { t }: Words, about: (key: Sentence, some: Zone[]) => string[]): string[] {
  const whole = lockouts.some(({ zone }) => zone === null);
  const elsewhere = latches.some((latch) => latch.zones.length === 0);
  return [
    ...(emergency ? [t("emergency")] : []),
    ...(whole ? [t("verdict_locked_site")] : about("verdict_locked", zones.filter((zone) => zone.lockouts.length > 0))),
    ...about("verdict_latched", zones.filter((zone) => zone.latches.length > 0)),
    ...(elsewhere ? [t("verdict_elsewhere")] : []),
  ];
}

function names(zones: Zone[], words: Words): string {
  return listed(zones.map((zone) => words.pick(zone.name)), words.language);
}
