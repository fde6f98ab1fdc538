/** The town: its air, rain and river, each in words that anyone knows, a shape, and the day behind it. */

import type { Sensor, TownSite } from "../api/types";
import { AirCard, RainCard, RiverCard } from "../parts/town_cards";
import { Hero } from "../parts/shell";
import { StationCard } from "../parts/station_card";
import { ToldList } from "../parts/told_list";
import { town } from "../state/cloud";
import { useStore } from "../state/store";
import { useWords } from "../words";

export function TownPage() {
  const { t, pick } = useWords();
  const seen = useStore(town);
  const [first, ...others] = seen?.sites ?? [];
  if (!first) return <Hero title={t("town")} passing={!seen}>{<p class="lead">{t(seen ? "no_town" : "loading")}</p>}</Hero>;
  return (
    <>
      <Hero title={pick(first.name)}>
        <p class="lead">{t(first.sensors.length > 0 ? "town_lead" : "station_lead")}</p>
      </Hero>
      <div class="page">
        <Sensors site={first} />
        {others.map((site) => (
          <section class="other-town" key={`${site.tenant}/${site.id}`}>
            <h2>{pick(site.name)}</h2>
            <Sensors site={site} />
          </section>
        ))}
      </div>
    </>
  );
}

function Sensors({ site }: { site: TownSite }) {
  return (
    <>
      <div class="sensors">
        {site.stations.map((station) => (
          <StationCard key={station.id} site={site} station={station} />
        ))}
        {site.sensors.map((sensor) => (
          <SensorCard key={sensor.thing} site={site} sensor={sensor} />
        ))}
      </div>
      {site.stations.length > 0 && <ToldList site={site} title="told_station" />}
    </>
  );
}

function SensorCard({ site, sensor }: { site: TownSite; sensor: Sensor }) {
  if (sensor.kind === "air" && sensor.air) return <AirCard site={site} sensor={sensor} air={sensor.air} />;
  if (sensor.kind === "rain" && sensor.rain) return <RainCard site={site} sensor={sensor} rain={sensor.rain} />;
  if (sensor.kind === "river" && sensor.river) return <RiverCard site={site} sensor={sensor} river={sensor.river} />;
  return null;
}
