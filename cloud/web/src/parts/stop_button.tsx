import type { Zone } from "../api/types";
import { endedBy } from "../state/cloud";
import { give, isFinal, stopping, wishes, zoneKey, type ZonePlace } from "../state/commands";
import { useStore } from "../state/store";
import { useWords } from "../words";
import { StopSign } from "./icons";
import { saidClosed } from "./running";

/** Stops at once: one press, no question. It stays pressable, since pressing stop twice does no harm. */
export function StopButton({ place, name, unsure }: { place: ZonePlace; name: string; unsure: boolean }) {
  const { t } = useWords();
  const wish = useStore(wishes).get(zoneKey(place));
  const isStopping = wish?.action === "stop" && !isFinal(wish.stage);
  return (
    <button type="button" class={`stop${isStopping ? " is-stopping" : ""}`} onClick={() => void give(stopping(place), endedBy)}>
      <StopSign />
      <span>
        {t("stop_zone", { zone: name })}
        {unsure && <small>{t("stop_when_unknown")}</small>}
      </span>
    </button>
  );
}

/** True while there may be water to stop: it runs, or nobody knows, or a command to open is under way. */
export function mayNeedStop(zone: Zone, watering: boolean): boolean {
  return watering || (zone.running !== false && !saidClosed(zone));
}

export function useWatering(place: ZonePlace): boolean {
  const wish = useStore(wishes).get(zoneKey(place));
  return wish?.action === "water" && !isFinal(wish.stage);
}
