/** The sentences about a zone that the home page and the zone's own page share. */

import type { ComponentChildren } from "preact";
import type { Band, Run, Zone } from "../api/types";
import { useNow } from "../state/clock";
import { link } from "../state/cloud";
import { useStore } from "../state/store";
import { useWords, type Words } from "../words";
import { ago, amount, clockOfDay, clockTime, known, number, remaining_s, span, when } from "../words/format";
import { SoilGauge } from "./gauges";
import { Icon, SOIL_ICON, type IconName } from "./icons";
import { doubtOf, isWatering, saidClosed, waterOf } from "./running";

export function Gauge({ zone }: { zone: Zone }) {
  const words = useWords();
  const now = useNow();
  const value = known(zone.moisture);
  const level = value === null ? words.t("gauge_unknown") : words.t("gauge_known", { value: number(value, 1, words.language) });
  return <SoilGauge value={value} band={zone.band} running={isWatering(zone, now)} label={`${level} ${bandWords(zone.band, words)}`} />;
}

function bandWords({ low_pct: low, high_pct: high }: Band, { t }: Words): string {
  return low === null || high === null ? t("band_none") : t("band", { low, high });
}

export function SoilState({ zone }: { zone: Zone }) {
  const { t } = useWords();
  return (
    <p class={`state state-${zone.state}`}>
      <Icon name={SOIL_ICON[zone.state]} size={28} /> {t(`soil_${zone.state}`)}
    </p>
  );
}

export function SoilFigure({ zone }: { zone: Zone }) {
  const words = useWords();
  const { language } = words;
  const value = known(zone.moisture);
  return (
    <div class="soil-figure">
      {value === null ? <Unknown zone={zone} /> : <p class="figure">{number(value, 1, language)} <small>%</small></p>}
      <p class="hint">{bandWords(zone.band, words)}</p>
    </div>
  );
}

function Unknown({ zone: { moisture } }: { zone: Zone }) {
  const words = useWords();
  const now = useNow(30_000);
  const last = moisture.last_value ?? null;
  const why = words.t(moisture.quality && moisture.quality !== "good" ? `q_${moisture.quality}` : "q_stale");
  return (
    <p class="hint">
      {why}
      {last !== null && moisture.observed_at && (
        <>
          <br />
          {words.t("last_known", { value: `${number(last, 1, words.language)} %`, time: clockOfDay(moisture.observed_at, now, words) })}
        </>
      )}
    </p>
  );
}

/** One line of facts: an icon, what it is about, and what is so. */
export function Fact({ icon, name, children, strong }: { icon: IconName; name?: string; children: ComponentChildren; strong?: boolean }) {
  return (
    <div class={strong ? "fact is-strong" : "fact"}>
      <Icon name={icon} />
      <dt class={name ? "" : "only-heard"}>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export function WaterFact({ zone }: { zone: Zone }) {
  const { t } = useWords();
  const connection = useStore(link);
  const water = waterOf(zone);
  const doubt = doubtOf(zone, useNow());
  if (doubt) {
    return (
      <Fact icon="warning">
        <b>{t("water_unknown")}</b> <span class="remaining">{t(`doubt_${doubt}`)}</span>
      </Fact>
    );
  }
  if (saidClosed(zone)) return <Fact icon="drop-off">{t("water_closed")}</Fact>;
  if (water === "unknown" || water === "waiting") return <Fact icon="unknown">{t(`water_${water}`)}</Fact>;
  if (water === "off") return <Fact icon="drop-off">{t("water_off")}</Fact>;
  return (
    <Fact icon="drop" strong>
      <b>{t(connection === "offline" ? "was_running" : "water_on")}</b> <Remaining run={zone.run} />
    </Fact>
  );
}

export function Remaining({ run }: { run: Run | null }) {
  const words = useWords();
  const left = remaining_s(run, useNow());
  if (!run || left === null) return null;
  const { planned_s, planned_litres } = run;
  if (planned_litres != null && planned_s !== null && left > 0) {
    const limits = { n: number(planned_litres, 0, words.language), time: span(planned_s, words) };
    return <span class="remaining">{words.t("until_litres", limits)}</span>;
  }
  return <span class="remaining">{left > 0 ? words.t("remaining", { time: span(left, words) }) : words.t("over_time")}</span>;
}

/** What is planned next. While water runs it is not said: the farm tells its plan anew when that has ended. */
export function NextFact({ zone: { next, run, running } }: { zone: Zone }) {
  const words = useWords();
  const now = useNow(30_000);
  if (run || running) return null;
  if (!next) return <Fact icon="next" name={words.t("next")}>{words.t("next_none")}</Fact>;
  return (
    <Fact icon="next" name={words.t("next")}>
      {next.at && <b>{when(next.at, now, words)} </b>}
      <span class={next.at ? "next-why" : ""}>{next.at ? besideTime(words.pick(next.text), next.at) : words.pick(next.text)}</span>
    </Fact>
  );
}

/** What the farm says of its plan but for the time, which the page says itself: "today" turns into "yesterday". */
function besideTime(text: string, at: string): string {
  const parts = text.split(" · ");
  return parts.filter((part) => !part.includes(clockTime(at))).join(" · ");
}

/** The last watering, when it failed and none has been since. */
export function LastFailedFact({ zone: { run, last_run } }: { zone: Zone }) {
  const words = useWords();
  const now = useNow(30_000);
  if (run || last_run?.outcome !== "failed" || !last_run.ended_at) return null;
  return (
    <Fact icon="warning" name={words.t("last_run")}>
      <b>
        {when(last_run.started_at, now, words)} · {words.t("outcome_failed")}
      </b>
      {last_run.reason && <span class="next-why">{words.pick(last_run.reason)}</span>}
    </Fact>
  );
}

export function HeardFact({ at }: { at: string | null }) {
  const words = useWords();
  const now = useNow();
  return (
    <Fact icon="heard" name="">
      {at ? words.t("heard", { ago: ago(at, now, words) }) : words.t("never_heard")}
    </Fact>
  );
}

export function area(area_m2: number | null, { t, language }: Words): string | null {
  if (area_m2 === null) return null;
  const rai = area_m2 / 1600;
  return t("rai", { n: number(rai, Number.isInteger(rai) ? 0 : 1, language) });
}

export function measureText(value: number | null, unit: string, { t, language }: Words): { number: string; unit: string } {
  return value === null ? { number: t("unknown"), unit: "" } : amount(value, unit, language);
}
