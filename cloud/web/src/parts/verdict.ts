/** What a farm needs, in one or two sentences, the most pressing first. */

import type { FarmSite, Zone } from "../api/types";
import type { Key, Words } from "../words";
import { listed } from "../words/format";
import { waterOf } from "./running";

type Sentence = Extract<Key, "verdict_running" | "verdict_dry" | "verdict_wet" | "verdict_unknown" | "verdict_good_some">;

export function verdict(site: FarmSite, words: Words): string[] {
  const { zones, node } = site;
  if (zones.length === 0) return [words.t("verdict_none")];
  const about = (key: Sentence, some: Zone[]) => (some.length ? [words.t(key, { zones: names(some, words) })] : []);
  const still = zones.filter((zone) => waterOf(zone) !== "on");
  const inState = (state: Zone["state"]) => still.filter((zone) => zone.state === state);
  const allGood = zones.every((zone) => zone.state === "good" && waterOf(zone) !== "on");
  return [
    ...(node.online ? [] : [words.t("verdict_away")]),
    ...about("verdict_running", zones.filter((zone) => waterOf(zone) === "on")),
    ...about("verdict_dry", inState("dry")),
    ...about("verdict_unknown", inState("unknown")),
    ...about("verdict_wet", inState("wet")),
    ...(allGood ? [words.t("verdict_good")] : about("verdict_good_some", inState("good"))),
  ];
}

function names(zones: Zone[], words: Words): string {
  return listed(zones.map((zone) => words.pick(zone.name)), words.language);
}
