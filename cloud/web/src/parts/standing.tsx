/** What keeps water off until a person acts: what was found wrong, lock-outs, the cabinet's switch, the emergency stop. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { FarmSite, FoundWrong, Latch, Lockout, Zone } from "../api/types";
import { useNow } from "../state/clock";
import { endedBy, mayCommand, session } from "../state/cloud";
import { clearing, give, type SitePlace } from "../state/commands";
import { useStore } from "../state/store";
import { isKey, useWords, type Key, type Words } from "../words";
import { listed, when } from "../words/format";
import { CommandStatus } from "./command_status";
import { Icon, type IconName } from "./icons";
import { Fact } from "./zone_words";

/** Whether something other than the plan keeps this zone without water. */
export function isKeptDry(site: FarmSite, zone: Zone): boolean {
  return !mayWater(site, zone) || zone.mode?.mode === "unknown";
}

/** Whether the farm would take a wish for water, as far as people are concerned. */
export function mayWater(site: FarmSite, { latches, lockouts, mode }: Zone): boolean {
  const atTheCabinet = mode?.mode === "off" || mode?.mode === "hand";
  return site.emergency === null && latches.length === 0 && lockouts.length === 0 && !atTheCabinet;
}

/** In place of the plan: why this zone gets no water now. */
export function WhyNotFact({ zone }: { zone: Zone }) {
  const { t, pick } = useWords();
  if (!zone.why_not) return null;
  return (
    <Fact icon="warning" name={t("why_not")}>
      <b>{pick(zone.why_not)}</b>
    </Fact>
  );
}

/** All that stands in the way of a zone, each with what a person can do about it. */
export function Standing({ site, zone }: { site: FarmSite; zone: Zone }) {
  const at = standingKey(site, zone.id);
  return (
    <Section at={at} title="standing" empty={!isKeptDry(site, zone)}>
      {site.emergency && <Emergency since={site.emergency.since} />}
      {zone.lockouts.map((lockout) => (
        <Locked key={lockout.id} lockout={lockout} atSwitch={zone.mode !== null} />
      ))}
      <Switch zone={zone} />
      {zone.latches.map((latch) => (
        <FoundAtFarm key={latch.id} at={at} site={site} latch={latch} />
      ))}
    </Section>
  );
}

/** What was found wrong with something that no zone uses. */
export function StandingElsewhere({ site }: { site: FarmSite }) {
  const at = standingKey(site, "-");
  const elsewhere = site.latches.filter(({ zones }) => zones.length === 0);
  return (
    <Section at={at} title="found_wrong" empty={elsewhere.length === 0}>
      {elsewhere.map((latch) => (
        <FoundAtFarm key={latch.id} at={at} site={site} latch={latch} />
      ))}
    </Section>
  );
}

/** Where the page says what became of a clearing or a lock. */
export const standingKey = (site: { tenant: string; id: string }, zone: string): string => `${site.tenant}/${site.id}/${zone}/standing`;

function Section({ at, title, empty, children }: { at: string; title: "standing" | "found_wrong"; empty: boolean; children: ComponentChildren }) {
  const { t } = useWords();
  return (
    <div class="standing">
      {!empty && (
        <section class="card" aria-label={t(title)}>
          <h2>{t(title)}</h2>
          {children}
        </section>
      )}
      <CommandStatus at={at} />
    </div>
  );
}

interface Told {
  icon: IconName;
  title: string;
  since?: string | null;
  children: ComponentChildren;
  action?: ComponentChildren;
}

function Stands({ icon, title, since, children, action }: Told) {
  const words = useWords();
  const now = useNow(30_000);
  return (
    <article class="stands">
      <Icon name={icon} size={30} />
      <div>
        <h3>{title}</h3>
        {children}
        {since && <p class="hint">{words.t("since", { time: when(since, now, words) })}</p>}
        {action}
      </div>
    </article>
  );
}

function Emergency({ since }: { since: string | null }) {
  const { t } = useWords();
  return (
    <Stands icon="critical" title={t("emergency")} since={since}>
      <p>{t("emergency_what")}</p>
    </Stands>
  );
}

function Locked({ lockout: { zone, who, why, since }, atSwitch }: { lockout: Lockout; atSwitch: boolean }) {
  const { t } = useWords();
  return (
    <Stands icon="lock" title={t(zone === null ? "locked_site" : "locked_zone", { who })} since={since}>
      <p>{t("because", { reason: why })}</p>
      <p class="hint">{t(atSwitch ? "locked_unlock" : "locked_unlock_controller")}</p>
    </Stands>
  );
}

function Switch({ zone: { mode } }: { zone: Zone }) {
  const { t, pick } = useWords();
  if (!mode || mode.mode === "auto") return null;
  return (
    <Stands icon={mode.mode === "unknown" ? "unknown" : "hand"} title={t(`switch_${mode.mode}`)}>
      <p>{pick(mode.text)}</p>
    </Stands>
  );
}

/** What a latch is about: water goes on where a dosing pump is latched, and no latch keeps a station still. */
type About = "zone" | "dosing" | "station" | "other";

const DOSING: readonly string[] = ["dosing", "stock_empty"];
/** What nobody can say from afar, and how it is said at the place itself. */
const AT_SITE = new Map<string, "refill_at_site" | "memory_at_site">([
  ["stock_empty", "refill_at_site"],
  ["memory_lost", "memory_at_site"],
]);

function latchTitle(kind: string, { t }: Words): string {
  const key = `latch_${kind}`;
  return isKey(key) ? (t as (key: Key) => string)(key) : t("found_wrong");
}

interface FoundProps {
  /** Where the page says what becomes of clearing it. */
  at: string;
  place: SitePlace;
  latch: FoundWrong;
  about: About;
  /** What else there is to say of it. */
  concerns?: string | undefined;
}

export function Found({ at, place, latch, about, concerns }: FoundProps) {
  const words = useWords();
  const who = useStore(session);
  const atSite = AT_SITE.get(latch.kind);
  const mended = mayCommand(who, place.tenant) && !atSite && <Mended at={at} place={place} latch={latch.id} about={about} station={about === "station"} />;
  return (
    <Stands icon="warning" title={latchTitle(latch.kind, words)} since={latch.since} action={mended}>
      <p>{words.pick(latch.text)}</p>
      {concerns && <p class="hint">{concerns}</p>}
      {atSite && <p class="hint">{words.t(atSite)}</p>}
    </Stands>
  );
}

function FoundAtFarm({ at, site, latch }: { at: string; site: FarmSite; latch: Latch }) {
  const words = useWords();
  const names = site.zones.filter(({ id }) => latch.zones.includes(id)).map(({ name }) => words.pick(name));
  const dosing = DOSING.includes(latch.kind);
  const concerns = names.length > 0 ? words.t("no_water_for", { zones: listed(names, words.language) }) : dosing ? words.t("plain_water") : undefined;
  return <Found at={at} place={{ tenant: site.tenant, site: site.id }} latch={latch} about={dosing ? "dosing" : names.length > 0 ? "zone" : "other"} concerns={concerns} />;
}

const MENDED = { zone: "clear_mended", dosing: "clear_dosing", station: "clear_looked", other: "clear_looked" } as const satisfies Record<About, Key>;
const IF_NOT = { zone: "clear_what", dosing: "clear_what_dosing", station: "clear_what_station", other: "clear_what" } as const satisfies Record<About, Key>;

/** One press asks, the second one says so to who is to clear it. */
function Mended({ at, place, latch, about, station }: { at: string; place: SitePlace; latch: string; about: About; station: boolean }) {
  const { t } = useWords();
  const [asking, ask] = useState(false);
  const question = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    if (asking) question.current?.focus();
  }, [asking]);
  if (!asking)
    return (
      <button type="button" class="secondary" onClick={() => ask(true)}>
        <Icon name="check" /> {t(MENDED[about])}
      </button>
    );
  const yes = () => {
    ask(false);
    void give(clearing(at, place, latch, station), endedBy);
  };
  return (
    <div class="asks">
      <p class="asks-what" tabIndex={-1} ref={question}>
        <b>{t("clear_question")}</b> {t(IF_NOT[about])}
      </p>
      <button type="button" class="primary" onClick={yes}>
        <Icon name="check" /> {t("clear_yes")}
      </button>
      <button type="button" class="secondary" onClick={() => ask(false)}>
        {t("clear_no")}
      </button>
    </div>
  );
}
