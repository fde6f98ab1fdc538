import type { Run, Zone } from "../api/types";
import { useNow } from "../state/clock";
import { useWords, type Key, type Words } from "../words";
import { clock, dayOf, number, span } from "../words/format";
import { dosesOf, electricityOf } from "./run_words";
import { fateOf, ranUntil_ms, type Fate } from "./running";

/** Every watering of the day, newest first: when, how long, how much, what was dosed, why, and how it ended. */
export function RunTable({ runs, zone }: { runs: Run[]; zone: Zone }) {
  const words = useWords();
  const { t } = words;
  const now_ms = useNow(15_000);
  const newestFirst = [...runs].sort((a, b) => b.started_at.localeCompare(a.started_at));
  return (
    <div class="runs">
      <h3>{t("runs")}</h3>
      {runs.length === 0 ? (
        <p class="hint">{t("runs_none")}</p>
      ) : (
        byDay(newestFirst, now_ms, words).map(([day, its]) => (
          <section key={day}>
            <h4>{day}</h4>
            <ul>
              {its.map((run) => (
                <RunRow key={run.id} run={run} fate={fateOf(run, zone, now_ms)} now_ms={now_ms} />
              ))}
            </ul>
          </section>
        ))
      )}
    </div>
  );
}

function byDay(runs: Run[], now_ms: number, words: Words): [string, Run[]][] {
  const days = new Map<string, Run[]>();
  for (const run of runs) {
    const day = dayOf(run.started_at, now_ms, words);
    days.set(day, [...(days.get(day) ?? []), run]);
  }
  return [...days];
}

const CAUSES = ["timer", "moisture", "balance", "light", "manual", "hand", "rinse"] as const;

function causeOf(cause: string | null, { t }: Words): string | null {
  const known = CAUSES.find((each) => each === cause);
  return known ? t(`cause_${known}`) : null;
}

/** Of a watering whose end nobody has heard only what was planned is said. */
function lengthOf(run: Run, fate: Fate, now_ms: number, words: Words): string {
  const heard = fate === "ended" || fate === "running" || run.planned_s === null;
  if (!heard) return words.t("run_planned", { time: span(run.planned_s ?? 0, words) });
  return span(run.duration_s ?? (ranUntil_ms(run, fate, now_ms) - new Date(run.started_at).getTime()) / 1000, words);
}

const OUTCOMES = { running: "outcome_running", overdue: "outcome_doubt", unheard: "outcome_doubt", lost: "outcome_lost" } as const satisfies Record<
  Exclude<Fate, "ended">,
  Key
>;

function RunRow({ run, fate, now_ms }: { run: Run; fate: Fate; now_ms: number }) {
  const words = useWords();
  const litres = run.litres === null ? null : words.t("litres", { n: number(run.litres, 0, words.language) });
  const ended = run.outcome ?? "done";
  const outcome = words.t(fate === "ended" ? `outcome_${ended}` : OUTCOMES[fate]);
  const why = run.reason ? words.pick(run.reason) : causeOf(run.cause, words);
  const beside = [dosesOf(run, words), electricityOf(run, words)].filter((each) => each !== null);
  return (
    <li>
      <b>{clock(run.started_at, words)}</b>
      <span>{[lengthOf(run, fate, now_ms, words), litres].filter(Boolean).join(" · ")}</span>
      <span class={`run-outcome run-${fate === "ended" ? ended : fate}`}>{outcome}</span>
      {why && <small>{why}</small>}
      {beside.map((each) => (
        <small key={each}>{each}</small>
      ))}
    </li>
  );
}
