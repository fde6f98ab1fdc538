/** What the controller of a farm or a station has told in the last days, for who asks: why it waited, what fell silent. */

import { useEffect, useState } from "preact/hooks";
import { api } from "../api/client";
import type { SiteEvent, Zone } from "../api/types";
import { useNow } from "../state/clock";
import { endedBy } from "../state/cloud";
import { useWords, type Words } from "../words";
import { clock, dayOf } from "../words/format";
import { Icon } from "./icons";

interface Place {
  tenant: string;
  id: string;
  zones?: Zone[];
}

/** Fetched when it is opened, and again whenever it is. */
export function ToldList({ site, title }: { site: Place; title: "told_farm" | "told_station" }) {
  const { t } = useWords();
  const [open, setOpen] = useState(false);
  return (
    <details class="card told" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <Icon name="heard" /> {t(title)} <Icon name="down" />
      </summary>
      {open && <Told site={site} />}
    </details>
  );
}

function Told({ site }: { site: Place }) {
  const words = useWords();
  const now = useNow(30_000);
  const told = useTold(site);
  if (told === "waiting") return <p class="hint">{words.t("loading")}</p>;
  if (told === "away") return <p class="hint">{words.t("told_away")}</p>;
  if (told.length === 0) return <p class="hint">{words.t("told_none")}</p>;
  return (
    <>
      {byDay(told, now, words).map(([day, its]) => (
        <section key={day}>
          <h3>{day}</h3>
          <ul>
            {its.map((event) => (
              <li key={event.id}>
                <b>{event.at ? clock(event.at, words) : "–"}</b>
                <div>
                  <b>{[nameOf(event, site, words), words.pick(event.title)].filter(Boolean).join(": ")}</b>
                  {event.text && <p>{words.pick(event.text)}</p>}
                </div>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </>
  );
}

/** The zone that it is about, unless its text begins with that. */
function nameOf({ zone, text }: SiteEvent, { zones }: Place, { pick }: Words): string | null {
  const found = zones?.find(({ id }) => id === zone);
  const name = found ? pick(found.name) : null;
  return name && text && pick(text).startsWith(name) ? null : name;
}

function byDay(told: SiteEvent[], now_ms: number, words: Words): [string, SiteEvent[]][] {
  const days = new Map<string, SiteEvent[]>();
  for (const event of told) {
    const day = event.at ? dayOf(event.at, now_ms, words) : words.t("time_unknown");
    days.set(day, [...(days.get(day) ?? []), event]);
  }
  return [...days];
}

function useTold({ tenant, id }: Place): SiteEvent[] | "waiting" | "away" {
  const [told, show] = useState<SiteEvent[] | "waiting" | "away">("waiting");
  useEffect(() => {
    let gone = false;
    api.siteEvents(tenant, id).then(
      ({ events }) => gone || show(events),
      (failure) => gone || endedBy(failure) || show("away"),
    );
    return () => {
      gone = true;
    };
  }, [tenant, id]);
  return told;
}
