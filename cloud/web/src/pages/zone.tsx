/** One zone: how its soil was for a day, and the water in one's hand. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { api } from "../api/client";
import type { Band, FarmSite, Run, Zone, ZoneHistory } from "../api/types";
import { ChartPanel } from "../parts/chart_panel";
import { CommandStatus } from "../parts/command_status";
import { GapNotes } from "../parts/gap_notes";
import { LockForm } from "../parts/lock_form";
import { RunTable } from "../parts/run_table";
import { extent, gapStretches, withGaps, withNewest } from "../parts/series";
import { scaleAround } from "../parts/gauges";
import { BackHome, Hero } from "../parts/shell";
import { fateOf, isWatering, ranUntil_ms } from "../parts/running";
import { mayNeedStop, StopButton, useWatering } from "../parts/stop_button";
import { isKeptDry, mayWater, Standing, standingKey, WhyNotFact } from "../parts/standing";
import { WaterNow } from "../parts/water_now";
import { area, Gauge, HeardFact, LastFailedFact, NextFact, SoilFigure, SoilState, WaterFact } from "../parts/zone_words";
import type { Route } from "../route";
import { useNow } from "../state/clock";
import { cloudNow, endedBy, mayCommand, newest, overview, session } from "../state/cloud";
import { zoneKey, type ZonePlace } from "../state/commands";
import { useStore } from "../state/store";
import { useWords } from "../words";
import { number } from "../words/format";

export function ZonePage({ at }: { at: Extract<Route, { page: "zone" }> }) {
  const words = useWords();
  const seen = useStore(overview);
  const site = seen?.sites.find(({ tenant, id }) => tenant === at.tenant && id === at.site);
  const zone = site?.zones.find(({ id }) => id === at.zone);
  if (!site || !zone) {
    return (
      <Hero title={words.t("zones")} passing={!seen}>
        <p class="lead">{words.t(seen ? "not_found" : "loading")}</p>
        {seen && <BackHome />}
      </Hero>
    );
  }
  const about = [words.pick(site.name), zone.crop && words.pick(zone.crop), area(zone.area_m2, words)].filter(Boolean).join(" · ");
  return (
    <>
      <Hero title={words.pick(zone.name)}>
        <p class="lead">{about}</p>
        <BackHome />
      </Hero>
      <div class="page zone-page">
        <SoilNow site={site} zone={zone} />
        <Standing site={site} zone={zone} />
        <Control site={site} zone={zone} />
        <Day at={at} zone={zone} />
      </div>
    </>
  );
}

function SoilNow({ site, zone }: { site: FarmSite; zone: Zone }) {
  const { t } = useWords();
  const now = useNow();
  return (
    <section class={`card zone zone-${zone.state}${isWatering(zone, now) ? " is-watering" : ""}`}>
      <div class="zone-top">
        <Gauge zone={zone} />
        <div class="zone-says">
          <h2>{t("soil_moisture")}</h2>
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
    </section>
  );
}

function Control({ site, zone }: { site: FarmSite; zone: Zone }) {
  const { t, pick } = useWords();
  const who = useStore(session);
  const name = pick(zone.name);
  const place: ZonePlace = { tenant: site.tenant, site: site.id, zone: zone.id };
  const watering = useWatering(place);
  const whole = useFocusKept(`${zone.running} ${watering}`);
  if (!mayCommand(who, site.tenant)) return <p class="card hint">{t("view_only")}</p>;
  return (
    <div class="control" tabIndex={-1} ref={whole}>
      {mayNeedStop(zone, watering) && (
        <div class="stop-always">
          <StopButton place={place} name={name} unsure={zone.running === null} />
        </div>
      )}
      <CommandStatus at={zoneKey(place)} zone={zone} />
      {!site.node.online && <p class="notice">{t("node_away")}</p>}
      {zone.running !== true && !watering && mayWater(site, zone) && <WaterNow place={place} name={name} max_run_s={zone.max_run_s} />}
      <LockForm at={standingKey(site, zone.id)} place={place} name={name} />
    </div>
  );
}

/** When the pressed button went away with what it did, the focus goes to what stands in its place, not to nowhere. */
function useFocusKept(what: string) {
  const whole = useRef<HTMLDivElement>(null);
  const before = useRef(what);
  useEffect(() => {
    if (before.current !== what && document.activeElement === document.body) whole.current?.focus({ preventScroll: true });
    before.current = what;
  }, [what]);
  return whole;
}

const HISTORY_MS = 5 * 60_000;

/** The day's history, fetched again when a watering begins or ends, and every five minutes. */
function useHistory({ tenant, site, zone }: ZonePlace, run: string): { history: ZoneHistory | null; away: boolean; again(): void } {
  const [history, show] = useState<ZoneHistory | null>(null);
  const [away, setAway] = useState(false);
  const [asked, ask] = useState(0);
  useEffect(() => {
    let gone = false;
    api.zoneHistory(tenant, site, zone).then(
      (next) => gone || (show(next), setAway(false)),
      (failure) => gone || endedBy(failure) || setAway(true),
    );
    const timer = setTimeout(() => ask((n) => n + 1), HISTORY_MS);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [tenant, site, zone, run, asked]);
  return { history, away, again: () => ask((n) => n + 1) };
}

function Day({ at, zone }: { at: ZonePlace; zone: Zone }) {
  const { t } = useWords();
  const { history, away, again } = useHistory(at, `${zone.run?.id} ${zone.last_run?.id}`);
  return (
    <section class="card day">
      <h2>{t("day")}</h2>
      {history ? (
        <DayChart history={history} zone={zone} />
      ) : away ? (
        <p class="hint">
          {t("chart_away")}{" "}
          <button type="button" class="quiet" onClick={again}>
            {t("try_again")}
          </button>
        </p>
      ) : (
        <p class="hint chart-waiting">{t("chart_waiting")}</p>
      )}
    </section>
  );
}

function DayChart({ history, zone }: { history: ZoneHistory; zone: Zone }) {
  const { t, language } = useWords();
  const live = useStore(newest).get(zone.moisture.datastream);
  const whole = useGrowing(history, live);
  const runs = useMemo(() => withNewestRuns(history.runs, zone), [history, zone.run, zone.last_run]);
  const minute_ms = Math.floor(useNow(15_000) / 60_000) * 60_000;
  const found = extent(whole);
  const stretches = runs.map((run) => ({ from_s: seconds(run.started_at), to_s: Math.round(ranUntil_ms(run, fateOf(run, zone, minute_ms), minute_ms) / 1000) }));
  const gaps = useMemo(() => gapStretches(history.gaps, history.moisture), [history]);
  const [low, high, last] = found ? [found.low, found.high, found.last].map((value) => number(value, 1, language)) : [];
  const summary = found ? t("chart_moisture", { low: low ?? "", high: high ?? "", last: last ?? "", runs: runs.length }) : t("chart_empty");
  const holes = gaps.length > 0 ? ` ${t("chart_gaps", { n: gaps.length })}` : "";
  return (
    <>
      <p class="chart-summary">{summary}</p>
      {found && <Legend gaps={gaps.length > 0} />}
      {found && (
        <ChartPanel
          history={whole}
          summary={summary + holes}
          name={t("soil_moisture")}
          unit="%"
          decimals={1}
          least={leastSpan(history.band)}
          band={history.band}
          runs={stretches}
          gaps={gaps}
        />
      )}
      <GapNotes gaps={history.gaps} now_ms={cloudNow()} />
      <RunTable runs={runs} zone={zone} />
    </>
  );
}

function Legend({ gaps }: { gaps: boolean }) {
  const { t } = useWords();
  return (
    <ul class="legend" aria-hidden="true">
      <li class="legend-line">{t("legend_line")}</li>
      <li class="legend-band">{t("legend_band")}</li>
      <li class="legend-run">{t("legend_run")}</li>
      {gaps && <li class="legend-gap">{t("legend_gap")}</li>}
    </ul>
  );
}

/** The chart shows the band with half the room that the gauge gives it; without a band whatever was measured. */
function leastSpan(band: Band): { low: number; high: number } {
  const { from, to } = scaleAround(band);
  if (band.low_pct === null || band.high_pct === null) return { low: to / 4, high: to / 2 };
  return { low: (from + band.low_pct) / 2, high: (to + band.high_pct) / 2 };
}

const seconds = (at: string): number => Math.round(new Date(at).getTime() / 1000);

/** The history with every live reading since put at its end. */
function useGrowing(history: ZoneHistory, live: { t: number; v: number | null } | undefined) {
  const [whole, grow] = useState(() => withGaps(history.moisture));
  useEffect(() => grow(withGaps(history.moisture)), [history]);
  useEffect(() => grow((before) => withNewest(before, live)), [live]);
  return whole;
}

/** The runs of the day with what the farm has told of the newest ones since, which the history may not have heard of. */
function withNewestRuns(runs: Run[], { run, last_run }: Zone): Run[] {
  const told = runs.map((each) => (each.id === last_run?.id ? last_run : each.id === run?.id ? run : each));
  return run && !runs.some(({ id }) => id === run.id) ? [...told, run] : told;
}
