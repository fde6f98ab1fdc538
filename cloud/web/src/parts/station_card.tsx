/** A pumping station or a gate: how it stands, why, who has it in hand, and what was found wrong with it. */

import type { Station, StationState, TownSite } from "../api/types";
import { useNow } from "../state/clock";
import { useWords, type Key } from "../words";
import { ago, known } from "../words/format";
import { CommandStatus } from "./command_status";
import { Icon } from "./icons";
import { Found, standingKey } from "./standing";
import { StationOrders } from "./station_orders";
import { Fact, measureText } from "./zone_words";

const STATES = {
  on: "station_on",
  off: "station_off",
  open: "station_open",
  closed: "station_closed",
  unknown: "unknown",
} as const satisfies Record<StationState, Key>;

export function StationCard({ site, station }: { site: TownSite; station: Station }) {
  const words = useWords();
  const now = useNow();
  const { t, pick } = words;
  const heard = station.heard_at;
  const at = standingKey(site, station.id);
  return (
    <section class="card sensor station" aria-label={pick(station.name)}>
      <header class="sensor-head">
        <Icon name={isGate(station) ? "gate" : "pump"} size={28} />
        <h2>{pick(station.name)}</h2>
        <p class="hint">{heard ? t("heard", { ago: ago(heard, now, words) }) : t("never_heard")}</p>
      </header>
      <State site={site} station={station} />
      <p class="station-why">{pick(station.alarm ?? station.text)}</p>
      <dl class="facts">
        <LevelFact station={station} />
        {station.parts.length > 1 && <PartsFact station={station} />}
        <HandFact station={station} />
      </dl>
      {station.latches.map((latch) => (
        <Found key={latch.id} at={at} place={{ tenant: site.tenant, site: site.id }} latch={latch} about="station" />
      ))}
      <CommandStatus at={at} />
      <StationOrders site={site} station={station} />
    </section>
  );
}

/** In big letters how it stands; when its controller is not heard, that nobody knows, and how it stood then. */
function State({ site, station }: { site: TownSite; station: Station }) {
  const { t } = useWords();
  const why = !site.node.online ? "station_away" : station.fresh ? null : "station_silent";
  if (!why) return <p class="sensor-word">{t(STATES[station.state])}</p>;
  return (
    <>
      <p class="sensor-word">{t("unknown")}</p>
      <p class="notice">
        <span>
          {t(why)}{" "}
          {t("station_was", { state: t(STATES[station.state]) })}
        </span>
      </p>
    </>
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
function HandFact({ station: { locked, mode, in_hand, ordered, level_by } }: { station: Station }) {
  const { t } = useWords();
  const told = locked ? "station_locked" : mode === "off" || mode === "hand" ? (`switch_${mode}` as const) : in_hand ? "station_in_hand" : ordered ? "station_ordered" : level_by === "nobody" ? "station_safe" : "station_auto";
  return (
    <Fact icon={locked ? "lock" : told === "station_auto" || told === "station_safe" ? "check" : "hand"} name={t("station_moved_by")}>
      <b>{t(told)}</b>
    </Fact>
  );
}
