/** A pumping station or a gate: how it stands, why, who has it in hand, and what was found wrong with it. */

import type { Station, StationState } from "../api/types";
import { useNow } from "../state/clock";
import { useWords, type Key } from "../words";
import { ago, known, when } from "../words/format";
import { Icon } from "./icons";
import { Fact, measureText } from "./zone_words";

const STATES = {
  on: "station_on",
  off: "station_off",
  open: "station_open",
  closed: "station_closed",
  unknown: "unknown",
} as const satisfies Record<StationState, Key>;

export function StationCard({ station }: { station: Station }) {
  const words = useWords();
  const now = useNow();
  const { t, pick } = words;
  const heard = station.level?.observed_at;
  return (
    <section class="card sensor station" aria-label={pick(station.name)}>
      <header class="sensor-head">
        <Icon name={station.state === "unknown" ? "unknown" : isGate(station) ? "gate" : "pump"} size={28} />
        <h2>{pick(station.name)}</h2>
        <p class="hint">{heard ? t("heard", { ago: ago(heard, now, words) }) : t("never_heard")}</p>
      </header>
      <p class="sensor-word">{t(STATES[station.state])}</p>
      <p class="station-why">{pick(station.alarm ?? station.text)}</p>
      <dl class="facts">
        <LevelFact station={station} />
        {station.parts.length > 1 && <PartsFact station={station} />}
        <HandFact station={station} />
      </dl>
      {station.latches.map((latch) => (
        <FoundWrong key={latch.id} text={pick(latch.text)} since={latch.since} />
      ))}
    </section>
  );
}

const isGate = ({ state, parts }: Station): boolean => [state, ...parts.map((part) => part.state)].some((each) => each === "open" || each === "closed");

function LevelFact({ station: { level } }: { station: Station }) {
  const words = useWords();
  const cm = level ? known(level) : null;
  const { number, unit } = measureText(cm, level?.unit ?? "cm", words);
  return (
    <Fact icon="river" name={level ? words.pick(level.name) : words.t("river_level")}>
      <b>{cm === null ? words.t("unknown") : `${number} ${unit}`}</b>
    </Fact>
  );
}

function PartsFact({ station }: { station: Station }) {
  const { parts } = station;
  const { t, pick } = useWords();
  return (
    <Fact icon={isGate(station) ? "gate" : "pump"} name={t(isGate(station) ? "station_gates" : "station_parts")}>
      {parts.map((part) => (
        <span class="station-part" key={part.id}>
          {pick(part.name)}: <b>{t(STATES[part.state])}</b>
        </span>
      ))}
    </Fact>
  );
}

/** Who moves it: the program, somebody at the cabinet, or nobody because it is locked. */
function HandFact({ station: { locked, mode, in_hand, ordered } }: { station: Station }) {
  const { t } = useWords();
  const told = locked ? "station_locked" : mode === "off" || mode === "hand" ? (`switch_${mode}` as const) : in_hand ? "station_in_hand" : ordered ? "station_ordered" : "station_auto";
  return (
    <Fact icon={locked ? "lock" : told === "station_auto" ? "check" : "hand"} name={t("station_moved_by")}>
      <b>{t(told)}</b>
    </Fact>
  );
}

function FoundWrong({ text, since }: { text: string; since: string | null }) {
  const words = useWords();
  const now = useNow(30_000);
  return (
    <article class="stands">
      <Icon name="warning" size={30} />
      <div>
        <h3>{words.t("found_wrong")}</h3>
        <p>{text}</p>
        {since && <p class="hint">{words.t("since", { time: when(since, now, words) })}</p>}
      </div>
    </article>
  );
}
