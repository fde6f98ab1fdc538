/** What became of the command that a person gave: in words, announced, with the steps that it takes. */

import type { Zone } from "../api/types";
import { dismiss, isFinal, wishes, type Stage, type Wish } from "../state/commands";
import { useNow } from "../state/clock";
import { useStore } from "../state/store";
import { useWords, type Key, type Words } from "../words";
import { number } from "../words/format";
import { Icon, type IconName } from "./icons";
import { doubtOf, type Doubt } from "./running";

/** Which of the four steps a command stands at now; none before the cloud has it, and none is left when it is done. */
const STEP_AT: Partial<Record<Stage, number>> = { queued: 0, sent: 0, accepted: 1, running: 2 };

/** `zone` is the one that is watered: what a watering promises is not said on when the farm is not heard. */
export function CommandStatus({ at, zone }: { at: string; zone?: Zone }) {
  const { t } = useWords();
  const wish = useStore(wishes).get(at);
  const now = useNow();
  const doubt = wish && zone && isWatering(wish) ? doubtOf(zone, now) : null;
  return (
    <div role="status" class="command-place">
      {wish && (
        <div class={`command ${doubt ? "is-bad" : tone(wish)}`}>
          <div class="command-head">
            <Icon name={doubt ? "warning" : icon(wish)} size={28} />
            <CommandWords wish={wish} doubt={doubt} />
            {isFinal(wish.stage) && (
              <button type="button" class="close" aria-label={t("close")} onClick={() => dismiss(at)}>
                <Icon name="cross" />
              </button>
            )}
          </div>
          {!isFinal(wish.stage) && ofWater(wish) && !doubt && <Steps wish={wish} />}
        </div>
      )}
    </div>
  );
}

function CommandWords({ wish, doubt }: { wish: Wish; doubt: Doubt | null }) {
  const words = useWords();
  return (
    <div>
      <p class="command-words">{doubt ? words.t(`doubt_${doubt}`) : sentence(wish, words)}</p>
      {wish.reason && <p class="command-reason">{bad(wish) ? words.t("because", { reason: words.pick(wish.reason) }) : words.pick(wish.reason)}</p>}
    </div>
  );
}

/** The words of a stage; `{at}` in them is who is to do it. */
function stageWords({ action, station, stage }: Wish, { t }: Words): string {
  const said = t as (key: Key, values: Record<string, string>) => string;
  return said(`${action}_${stage}`, { at: t(station ? "at_station" : "at_farm") });
}

function sentence(wish: Wish, words: Words): string {
  const { t, language } = words;
  const litres = wish.amount && "litres" in wish.amount ? number(wish.amount.litres, 0, language) : null;
  if (litres !== null && isWatering(wish)) return t("water_running_litres", { n: litres });
  if (wish.amount && wish.action === "water" && wish.stage === "sending") {
    return "litres" in wish.amount ? t("water_sending_litres", { n: litres ?? "" }) : t("water_sending", { n: wish.amount.minutes });
  }
  return stageWords(wish, words);
}

const isWatering = ({ action, stage }: Wish): boolean => action === "water" && stage === "running";

const ofWater = ({ action }: Wish): boolean => action === "water" || action === "stop";

const bad = (wish: Wish): boolean => isFinal(wish.stage) && wish.stage !== "done";

function tone(wish: Wish): string {
  if (wish.stage === "done") return "is-done";
  return bad(wish) ? "is-bad" : "is-going";
}

function icon(wish: Wish): IconName {
  if (wish.stage === "done") return "check";
  if (bad(wish)) return "warning";
  return wish.stage === "running" ? "drop" : "heard";
}

function Steps({ wish }: { wish: Wish }) {
  const { t } = useWords();
  const now = STEP_AT[wish.stage] ?? -1;
  const names = [t("step_sent"), t("step_accepted"), wish.action === "water" ? t("step_running") : t("step_closed"), t("step_done")];
  return (
    <ol class="steps" aria-hidden="true">
      {names.map((name, i) => (
        <li key={name} class={i < now ? "is-past" : i === now ? "is-now" : ""}>
          {name}
        </li>
      ))}
    </ol>
  );
}
