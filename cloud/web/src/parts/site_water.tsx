/** What the zones share: the tank, the pump, the air of the greenhouse and the power from its roof. */

import type { FarmSite, Measure, Tank as TankLevel } from "../api/types";
import { useWords, type Key } from "../words";
import { known, number } from "../words/format";
import { TankGauge } from "./gauges";
import { Icon, type IconName } from "./icons";
import { isOvertaken } from "./running";
import { measureText } from "./zone_words";

export function SiteWater({ site }: { site: FarmSite }) {
  const find = (property: string) => site.measures.find((measure) => measure.property === property) ?? null;
  const climate = (["air_temperature", "humidity", "illuminance"] as const).flatMap((property) => named(property, find(property)));
  const sun = (["ac_power", "energy_total"] as const).flatMap((property) => named(property, find(property)));
  return (
    <div class="around">
      {site.tank && <Tank site={site} tank={site.tank} />}
      {climate.length > 0 && <Tiles title="climate" tiles={climate} />}
      {sun.length > 0 && <Tiles title="sun" tiles={sun} />}
      {site.measures.length > 0 && <AllMeasures measures={site.measures} />}
    </div>
  );
}

type TileName = Extract<Key, "air_temperature" | "humidity" | "illuminance" | "ac_power" | "energy_total">;
const TILE_ICON: Record<TileName, IconName> = {
  air_temperature: "thermometer",
  humidity: "humidity",
  illuminance: "sun",
  ac_power: "solar",
  energy_total: "meter",
};

function named(name: TileName, measure: Measure | null): { name: TileName; measure: Measure }[] {
  return measure ? [{ name, measure }] : [];
}

function Tank({ site, tank }: { site: FarmSite; tank: TankLevel }) {
  const { t, language } = useWords();
  const level_cm = known(tank);
  const share = level_cm === null || !tank.full_cm ? null : level_cm / tank.full_cm;
  const pct = share === null ? null : number(share * 100, 0, language);
  return (
    <section class="card tank">
      <h2>{t("water_source")}</h2>
      <div class="tank-row">
        <TankGauge share={share} label={pct === null ? t("tank_unknown") : t("tank_known", { pct })} />
        <div>
          <p class={pct === null ? "figure is-word" : "figure"}>
            {pct === null ? t("unknown") : pct} {pct !== null && <small>%</small>}
          </p>
          <p class="hint">{pct === null ? t("tank_unknown") : t("tank_full_of")}</p>
        </div>
        <dl class="pump">
          {site.pump && <PumpFact measure={site.pump} waits={isOvertaken(site.pump, site)} />}
          {site.flow && <FlowFact measure={site.flow} waits={isOvertaken(site.flow, site)} />}
        </dl>
      </div>
    </section>
  );
}

function PumpFact({ measure, waits }: { measure: Measure; waits: boolean }) {
  const { t } = useWords();
  const running = waits ? null : known(measure);
  return (
    <div class="fact">
      <Icon name={running === null ? "unknown" : "pump"} />
      <dt>{t("pump")}</dt>
      <dd class={waits ? "is-awaited" : ""}>{waits ? t("new_awaited") : running === null ? t("unknown") : t(running > 0 ? "pump_on" : "pump_off")}</dd>
    </div>
  );
}

function FlowFact({ measure, waits }: { measure: Measure; waits: boolean }) {
  const words = useWords();
  const { number: digits, unit } = measureText(known(measure), measure.unit, words);
  return (
    <div class="fact">
      <Icon name="flow" />
      <dt>{words.t("flow")}</dt>
      <dd class={waits ? "is-awaited" : ""}>{waits ? words.t("new_awaited") : `${digits} ${unit}`}</dd>
    </div>
  );
}

function Tiles({ title, tiles }: { title: "climate" | "sun"; tiles: { name: TileName; measure: Measure }[] }) {
  const words = useWords();
  return (
    <section class={`card tiles-${title}`}>
      <h2>{words.t(title)}</h2>
      <dl class="tiles">
        {tiles.map(({ name, measure }) => {
          const { number: digits, unit } = measureText(known(measure), measure.unit, words);
          return (
            <div class="tile" key={measure.datastream}>
              <dt>
                <Icon name={TILE_ICON[name]} /> {words.t(name)}
              </dt>
              <dd>
                {digits} <small>{unit}</small>
              </dd>
            </div>
          );
        })}
      </dl>
    </section>
  );
}

function AllMeasures({ measures }: { measures: Measure[] }) {
  const words = useWords();
  return (
    <details class="card all-measures">
      <summary>{words.t("more_measures")}</summary>
      <dl>
        {measures.map((measure) => {
          const { number: digits, unit } = measureText(known(measure), measure.unit, words);
          return (
            <div key={measure.datastream}>
              <dt>{words.pick(measure.name)}</dt>
              <dd>
                {digits} {unit}
                {measure.quality && measure.quality !== "good" && <small> ({words.t(`q_${measure.quality}`)})</small>}
              </dd>
            </div>
          );
        })}
      </dl>
    </details>
  );
}
