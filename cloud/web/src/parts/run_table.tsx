import type { Run } from "../api/types";
import { useWords, type Words } from "../words";
import { clock, dayOf, number, span } from "../words/format";

/** Every watering of the day, newest first: when, how long, how much, why, and how it ended. */
export function RunTable({ runs, now_ms }: { runs: Run[]; now_ms: number }) {
  const words = useWords();
  const { t } = words;
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
                <RunRow key={run.id} run={run} now_ms={now_ms} />
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

const CAUSES = ["timer", "moisture", "balance", "light", "manual", "hand"] as const;

function causeOf(cause: string | null, { t }: Words): string | null {
  const known = CAUSES.find((each) => each === cause);
  return known ? t(`cause_${known}`) : null;
}

function RunRow({ run, now_ms }: { run: Run; now_ms: number }) {
  const words = useWords();
  const end_ms = run.ended_at ? new Date(run.ended_at).getTime() : now_ms;
  const lasted = span(run.duration_s ?? (end_ms - new Date(run.started_at).getTime()) / 1000, words);
  const litres = run.litres === null ? null : words.t("litres", { n: number(run.litres, 0, words.language) });
  const outcome = words.t(run.ended_at ? `outcome_${run.outcome ?? "done"}` : "outcome_running");
  const why = run.reason ? words.pick(run.reason) : causeOf(run.cause, words);
  return (
    <li>
      <b>{clock(run.started_at, words)}</b>
      <span>{[lasted, litres].filter(Boolean).join(" · ")}</span>
      <span class={`run-outcome run-${run.ended_at ? (run.outcome ?? "done") : "running"}`}>{outcome}</span>
      {why && <small>{why}</small>}
    </li>
  );
}
