/** What became of the command that a person gave: in words, announced, with the steps that it takes. */

import { dismiss, isFinal, wishes, type Stage, type Wish } from "../state/commands";
import { useStore } from "../state/store";
import { useWords, type Key, type Words } from "../words";
import { Icon, type IconName } from "./icons";

/** Which of the four steps a command stands at now; none before the cloud has it, and none is left when it is done. */
const STEP_AT: Partial<Record<Stage, number>> = { queued: 0, sent: 0, accepted: 1, running: 2 };

export function CommandStatus({ at }: { at: string }) {
  const { t } = useWords();
  const wish = useStore(wishes).get(at);
  return (
    <div role="status" class="command-place">
      {wish && (
        <div class={`command ${tone(wish)}`}>
          <div class="command-head">
            <Icon name={icon(wish)} size={28} />
            <CommandWords wish={wish} />
            {isFinal(wish.stage) && (
              <button type="button" class="close" aria-label={t("close")} onClick={() => dismiss(at)}>
                <Icon name="cross" />
              </button>
            )}
          </div>
          {!isFinal(wish.stage) && ofWater(wish) && <Steps wish={wish} />}
        </div>
      )}
    </div>
  );
}

function CommandWords({ wish }: { wish: Wish }) {
  const words = useWords();
  return (
    <div>
      <p class="command-words">{sentence(wish, words)}</p>
      {wish.reason && <p class="command-reason">{bad(wish) ? words.t("because", { reason: words.pick(wish.reason) }) : words.pick(wish.reason)}</p>}
    </div>
  );
}

function sentence(wish: Wish, { t }: Words): string {
  if (wish.amount && wish.stage === "sending") {
    return "litres" in wish.amount ? t("water_sending_litres", { n: wish.amount.litres }) : t("water_sending", { n: wish.amount.minutes });
  }
  return t(`${wish.action}_${wish.stage}` as Exclude<Extract<Key, `${Wish["action"]}_${Stage}`>, "water_sending">);
}

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
