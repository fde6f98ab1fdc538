/** What somebody afar may ask of a pumping station or a gate, and why not more: nobody there sees the water. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Station, TownSite } from "../api/types";
import { endedBy, mayCommand, session } from "../state/cloud";
import { endingOrder, give, isFinal, ordering, wishes, zoneKey, type ZonePlace } from "../state/commands";
import { useStore } from "../state/store";
import { useWords, type Key } from "../words";
import { CommandStatus } from "./command_status";
import { Icon } from "./icons";
import { Stepper } from "./water_now";

const USUAL_MIN = 10;

export function StationOrders({ site, station }: { site: TownSite; station: Station }) {
  const { t } = useWords();
  const who = useStore(session);
  const place: ZonePlace = { tenant: site.tenant, site: site.id, zone: station.id };
  const wish = useStore(wishes).get(zoneKey(place));
  const underWay = wish?.action === "order" && !isFinal(wish.stage);
  if (!mayCommand(who, site.tenant)) return <p class="hint">{t("station_view_only")}</p>;
  const refused = whyNoOrder(station);
  return (
    <div class="control">
      {station.ordered && (
        <button type="button" class="secondary" onClick={() => void give(endingOrder(place), endedBy)}>
          <Icon name="cross" /> {t("order_end")}
        </button>
      )}
      <CommandStatus at={zoneKey(place)} />
      {!refused && !station.ordered && !underWay && <OrderForm place={place} station={station} />}
      <p class="hint">{t(refused ?? "station_not_afar")}</p>
    </div>
  );
}

/** What the station itself would refuse an order for, as far as it has told. */
function whyNoOrder({ in_hand, mode, level_by }: Station): Key & `no_order_${string}` | null {
  if (in_hand) return "no_order_in_hand";
  if (mode === "unknown") return "no_order_switch";
  return level_by === "nobody" ? "no_order_level" : null;
}

function OrderForm({ place, station }: { place: ZonePlace; station: Station }) {
  const { t, pick } = useWords();
  const most = Math.max(1, Math.floor(station.max_order_s / 60));
  const [minutes, setMinutes] = useState(Math.min(USUAL_MIN, most));
  const [asking, ask] = useState(false);
  const doing = station.order_state ?? "any";
  const what = t(`order_${doing}_for`, { n: minutes });
  if (asking) return <OrderQuestion place={place} minutes={minutes} question={t("order_question", { what, name: pick(station.name) })} no={() => ask(false)} />;
  return (
    <details class="order-form">
      <summary>
        <Icon name="hand" /> {t(`order_${doing}`)} <Icon name="down" />
      </summary>
      <Stepper of="order" value={minutes} most={most} hint={most} set={setMinutes} />
      <button type="button" class="primary" onClick={() => ask(true)}>
        {what}
      </button>
    </details>
  );
}

function OrderQuestion({ place, minutes, question, no }: { place: ZonePlace; minutes: number; question: string; no(): void }) {
  const { t } = useWords();
  const asked = useRef<HTMLParagraphElement>(null);
  useEffect(() => asked.current?.focus(), []);
  const yes = () => {
    no();
    void give(ordering(place, minutes), endedBy);
  };
  return (
    <div class="asks">
      <p class="asks-what" tabIndex={-1} ref={asked}>
        <b>{question}</b> {t("order_then")}
      </p>
      <button type="button" class="primary" onClick={yes}>
        <Icon name="check" /> {t("order_yes")}
      </button>
      <button type="button" class="secondary" onClick={no}>
        {t("order_no")}
      </button>
    </div>
  );
}
