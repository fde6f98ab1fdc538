import { useEffect, useState } from "preact/hooks";
import { api } from "../api/client";
import type { Air, AirBand, Measure, Rain, River, Sensor, ThingHistory, TownSite } from "../api/types";
import { useNow } from "../state/clock";
import { cloudNow, endedBy } from "../state/cloud";
import { useWords, type Words } from "../words";
import { ago, amount, clockTime, known, number, unit as unitWord } from "../words/format";
import { AirShape, RainDrops } from "./air_shape";
import { ChartPanel } from "./chart_panel";
import { GapNotes } from "./gap_notes";
import { RiverGauge } from "./gauges";
import { Icon, type IconName } from "./icons";
import { extent, gapStretches, hourlyGrowth, withGaps } from "./series";
import { measureText } from "./zone_words";

const BANDS: readonly AirBand[] = ["very_good", "good", "moderate", "starts_to_affect", "affects"];
const ENOUGH_HOURS = 18;

interface CardOf {
  site: TownSite;
  sensor: Sensor;
}

const measureOf = (sensor: Sensor, property: string): Measure | null => sensor.measures.find((measure) => measure.property === property) ?? null;

export function AirCard({ site, sensor, air }: CardOf & { air: Air }) {
  const { t, pick } = useWords();
  const level = BANDS.indexOf(air.band) + 1;
  return (
    <section class={`card sensor air band-${air.band}`}>
      <SensorHead sensor={sensor} icon="air" kind={t("air_quality")} />
      <div class="air-row">
        <AirShape band={air.band} text={air.aqi_text ?? "–"} />
        <div>
          <p class="sensor-word">{pick(air.label)}</p>
          <p class="hint">{air.band === "not_enough_data" ? t("air_few_hours", { n: Math.min(air.hours, ENOUGH_HOURS - 1) }) : t("aqi_short")}</p>
        </div>
      </div>
      {level > 0 && <AirScale level={level} />}
      <p class="advice">{pick(air.advice)}</p>
      <AirFigures sensor={sensor} air={air} />
      <Day site={site} sensor={sensor} property="pm2_5" name="PM2.5" unit="ug/m3" decimals={1} least={{ low: 0, high: 40 }} />
    </section>
  );
}

function AirScale({ level }: { level: number }) {
  const { t } = useWords();
  return (
    <div class="air-scale" role="img" aria-label={t("aqi_scale", { n: level })}>
      {BANDS.map((band, i) => (
        <span key={band} class={`band-${band}${i + 1 === level ? " is-here" : ""}`} />
      ))}
    </div>
  );
}

function AirFigures({ sensor, air }: { sensor: Sensor; air: Air }) {
  const words = useWords();
  const mean = measureText(air.pm2_5_24h, "ug/m3", words);
  const now = ["pm2_5", "pm10"].flatMap((property) => measureOf(sensor, property) ?? []);
  return (
    <dl class="figures">
      <Figure name={words.t("pm2_5_24h")} {...mean} />
      {now.map((measure) => (
        <Figure key={measure.datastream} name={words.pick(measure.name)} {...measureText(known(measure), measure.unit, words)} />
      ))}
    </dl>
  );
}

function Figure({ name, number: digits, unit }: { name: string; number: string; unit: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {digits} <small>{unit}</small>
      </dd>
    </div>
  );
}

export function RainCard({ site, sensor, rain }: CardOf & { rain: Rain }) {
  const words = useWords();
  const { number: digits, unit } = measureText(rain.today_mm, "mm", words);
  return (
    <section class="card sensor rain">
      <SensorHead sensor={sensor} icon="rain" kind={words.t("rain")} />
      <div class="rain-row">
        <RainDrops today_mm={rain.until ? null : rain.today_mm} />
        <div>
          <p class="sensor-word">{words.pick(rain.label)}</p>
          {rain.today_mm !== null && (
            <p class="figure">
              {digits} <small>{unit}</small>
            </p>
          )}
          <p class="hint">{rainPeriod(rain, words)}</p>
        </div>
      </div>
      <Day site={site} sensor={sensor} property="rain_total" name={words.t("rain_per_hour")} unit="mm" decimals={1} least={{ low: 0, high: 4 }} counter />
    </section>
  );
}

function rainPeriod({ since: from, until: to }: Rain, { t }: Words): string {
  const [since, until] = [from && clockTime(from), to && clockTime(to)];
  if (since && until) return t("rain_from_until", { since, until });
  if (since) return t("rain_from", { since });
  return until ? t("rain_until", { until }) : t("rain_today");
}

const TREND_ICON = { rising: "up", falling: "down", steady: "steady" } as const;

export function RiverCard({ site, sensor, river }: CardOf & { river: River }) {
  const words = useWords();
  const { t, language } = words;
  const level = measureText(river.level_m, "m", words);
  const bank = river.bank_height_m;
  const label = river.level_m === null ? t("river_unknown") : t("river_known", { level: level.number, bank: bank === null ? "?" : number(bank, 1, language) });
  return (
    <section class="card sensor river">
      <SensorHead sensor={sensor} icon="river" kind={t("river")} />
      <RiverGauge share={river.bank_pct === null ? null : river.bank_pct / 100} label={label} />
      <div class="river-row">
        <div>
          <p class="sensor-word">{words.pick(river.label)}</p>
          {river.trend && (
            <p class="trend">
              <Icon name={TREND_ICON[river.trend]} /> {t(`river_${river.trend}`)}
            </p>
          )}
        </div>
        <div>
          {river.level_m !== null && (
            <p class="figure">
              {level.number} <small>{level.unit}</small>
            </p>
          )}
          {river.bank_pct !== null && <p class="hint">{t("river_of_bank", { pct: number(river.bank_pct, 0, language) })}</p>}
        </div>
      </div>
      <Day
        site={site}
        sensor={sensor}
        property="river_level"
        name={t("river_level")}
        unit="m"
        decimals={2}
        least={{ low: 0, high: bank ?? 1 }}
        {...(bank !== null && { mark: { value: bank, label: t("river_bank", { m: number(bank, 1, language) }) } })}
      />
    </section>
  );
}

function SensorHead({ sensor, icon, kind }: { sensor: Sensor; icon: IconName; kind: string }) {
  const words = useWords();
  const now = useNow();
  const heard = sensor.measures.flatMap(({ observed_at }) => observed_at ?? []).sort().at(-1);
  return (
    <header class="sensor-head">
      <Icon name={icon} size={28} />
      <h2>
        {words.pick(sensor.name)} <span class="only-heard">{kind}</span>
      </h2>
      <p class="hint">{heard ? words.t("heard", { ago: ago(heard, now, words) }) : words.t("never_heard")}</p>
    </header>
  );
}

interface DayProps extends CardOf {
  property: string;
  name: string;
  unit: string;
  decimals: number;
  least: { low: number; high: number };
  mark?: { value: number; label: string };
  counter?: boolean;
}

const AGAIN_MS = 5 * 60_000;

function Day({ site, sensor, property, name, unit, decimals, least, mark, counter }: DayProps) {
  const { t, language } = useWords();
  const history = useThingHistory(site, sensor.thing, property);
  if (history === "away") return <p class="hint">{t("chart_away")}</p>;
  if (history === "waiting") return <p class="hint chart-waiting is-small">{t("chart_waiting")}</p>;
  const drawn = counter ? hourlyGrowth(history) : withGaps(history);
  const found = extent(drawn);
  const notes = <GapNotes gaps={history.gaps} now_ms={cloudNow()} />;
  if (!found) {
    return (
      <>
        <p class="hint">{t("chart_empty")}</p>
        {notes}
      </>
    );
  }
  const gaps = gapStretches(history.gaps, history);
  const [low, high, last] = [found.low, found.high, found.last].map((value) => amount(value, unit, language).number);
  const summary = t("chart_thing", { name, low: low ?? "", high: high ?? "", last: last ?? "", unit: unitWord(unit, language) });
  const holes = gaps.length > 0 ? ` ${t("chart_gaps", { n: gaps.length })}` : "";
  return (
    <div class="sensor-day">
      <h3>
        {name} · {t("day")}
      </h3>
      <ChartPanel history={drawn} summary={summary + holes} name={name} unit={unit} decimals={decimals} least={least} kind={counter ? "bars" : "line"} height={150} gaps={gaps} {...(mark && { mark })} />
      {notes}
    </div>
  );
}

function useThingHistory(site: TownSite, thing: string, property: string): ThingHistory | "waiting" | "away" {
  const [history, show] = useState<ThingHistory | "waiting" | "away">("waiting");
  const [asked, ask] = useState(0);
  useEffect(() => {
    let gone = false;
    api.thingHistory(site.tenant, site.id, thing, property).then(
      (next) => gone || show(next),
      (failure) => gone || endedBy(failure) || show((before) => (before === "waiting" ? "away" : before)),
    );
    const timer = setTimeout(() => ask((n) => n + 1), AGAIN_MS);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [site.tenant, site.id, thing, property, asked]);
  return history;
}
