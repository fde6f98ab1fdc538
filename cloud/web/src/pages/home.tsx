/** The farm at a glance: does anything need me, how is the soil, is water running. */

import type { FarmSite, Zone } from "../api/types";
import { CommandStatus } from "../parts/command_status";
import { Icon } from "../parts/icons";
import { Hero } from "../parts/shell";
import { SiteWater } from "../parts/site_water";
import { isKeptDry, StandingElsewhere, WhyNotFact } from "../parts/standing";
import { isWatering } from "../parts/running";
import { mayNeedStop, StopButton, useWatering } from "../parts/stop_button";
import { ToldList } from "../parts/told_list";
import { verdict } from "../parts/verdict";
import { area, Gauge, HeardFact, LastFailedFact, NextFact, SoilFigure, SoilState, WaterFact } from "../parts/zone_words";
import { zoneHref } from "../route";
import { useNow } from "../state/clock";
import { mayCommand, overview, session } from "../state/cloud";
import { zoneKey } from "../state/commands";
import { useStore } from "../state/store";
import { useWords } from "../words";
import { ago, fullDate } from "../words/format";

export function Home() {
  const { t } = useWords();
  const seen = useStore(overview);
  if (!seen) return <Hero title={t("farm")} passing>{<p class="lead">{t("loading")}</p>}</Hero>;
  const [first, ...others] = seen.sites;
  if (!first) return <Hero title={t("farm")}>{<p class="lead">{t("no_farm")}</p>}</Hero>;
  return (
    <>
      <SiteHero site={first} />
      <div class="page">
        <Farm site={first} />
        {others.map((site) => (
          <OtherFarm key={`${site.tenant}/${site.id}`} site={site} />
        ))}
      </div>
    </>
  );
}

function SiteHero({ site }: { site: FarmSite }) {
  const words = useWords();
  const now = useNow();
  const [headline, ...more] = verdict(site, words, now);
  return (
    <Hero title={words.pick(site.name)} under>
      <p class="verdict">{headline}</p>
      {more.map((sentence) => (
        <p class="lead" key={sentence}>
          {sentence}
        </p>
      ))}
      <p class="hero-when">
        <span>{fullDate(now, words.language)}</span>
        <span>{site.node.last_heard_at ? words.t("heard", { ago: ago(site.node.last_heard_at, now, words) }) : words.t("never_heard")}</span>
      </p>
    </Hero>
  );
}

function OtherFarm({ site }: { site: FarmSite }) {
  const words = useWords();
  const now = useNow();
  return (
    <section class="other-farm">
      <h2>{words.pick(site.name)}</h2>
      {verdict(site, words, now).map((sentence) => (
        <p class="lead" key={sentence}>
          {sentence}
        </p>
      ))}
      <Farm site={site} />
    </section>
  );
}

function Farm({ site }: { site: FarmSite }) {
  const { t } = useWords();
  return (
    <div class="farm">
      <section class="zones" aria-label={t("zones")}>
        {site.zones.map((zone) => (
          <ZoneCard key={zone.id} site={site} zone={zone} />
        ))}
      </section>
      <SiteWater site={site} />
      <StandingElsewhere site={site} />
      <ToldList site={site} title="told_farm" />
    </div>
  );
}

function ZoneCard({ site, zone }: { site: FarmSite; zone: Zone }) {
  const words = useWords();
  const who = useStore(session);
  const place = { tenant: site.tenant, site: site.id, zone: zone.id };
  const watering = useWatering(place);
  const now = useNow();
  const canCommand = mayCommand(who, site.tenant);
  const name = words.pick(zone.name);
  const about = [zone.crop && words.pick(zone.crop), area(zone.area_m2, words)].filter(Boolean).join(" · ");
  return (
    <article class={`card zone zone-${zone.state}${isWatering(zone, now) ? " is-watering" : ""}`}>
      <div class="zone-top">
        <Gauge zone={zone} />
        <div class="zone-says">
          <h2>{name}</h2>
          <p class="about">{about}</p>
          <SoilState zone={zone} />
          <SoilFigure zone={zone} />
        </div>
      </div>
      <dl class="facts">
        <WaterFact zone={zone} />
        <LastFailedFact zone={zone} />
        {isKeptDry(site, zone) ? <WhyNotFact zone={zone} /> : <NextFact zone={zone} />}
        <HeardFact at={zone.moisture.observed_at} />
      </dl>
      <CommandStatus at={zoneKey(place)} zone={zone} />
      <div class="zone-doing">
        {canCommand && mayNeedStop(zone, watering) && <StopButton place={place} name={name} unsure={zone.running === null} />}
        <a class="go" href={zoneHref(site.tenant, site.id, zone.id)} aria-label={`${words.t(canCommand ? "open_zone" : "open_zone_view")} ${name}`}>
          {words.t(canCommand ? "open_zone" : "open_zone_view")} <Icon name="forward" />
        </a>
      </div>
    </article>
  );
}
