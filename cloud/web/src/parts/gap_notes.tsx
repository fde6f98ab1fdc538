/** Why a chart has holes, in words: what the machine at the site says of them, and when they were. */

import type { Gap } from "../api/types";
import { useWords, type Words } from "../words";
import { clockTime } from "../words/format";

const DAY_MS = 86_400_000;
const MOST = 4;

/** One note a reason, with its newest times first. */
export function GapNotes({ gaps, now_ms }: { gaps: Gap[]; now_ms: number }) {
  const words = useWords();
  if (gaps.length === 0) return null;
  return (
    <ul class="gap-notes" aria-label={words.t("gaps")}>
      {byReason(gaps, words).map(([reason, its]) => (
        <li key={reason}>
          <b>{times(its, now_ms, words)}</b> {reason}
        </li>
      ))}
    </ul>
  );
}

function byReason(gaps: Gap[], { pick }: Words): [string, Gap[]][] {
  const reasons = new Map<string, Gap[]>();
  for (const gap of [...gaps].sort((a, b) => b.to.localeCompare(a.to))) {
    const reason = pick(gap.text);
    reasons.set(reason, [...(reasons.get(reason) ?? []), gap]);
  }
  return [...reasons];
}

function times(gaps: Gap[], now_ms: number, words: Words): string {
  const shown = gaps.slice(0, MOST).map((gap) => time(gap, now_ms, words));
  const more = gaps.length - shown.length;
  return [...shown, ...(more > 0 ? [words.t("gaps_more", { n: more })] : [])].join(words.language === "th" ? " " : ", ");
}

function time({ from, to }: Gap, now_ms: number, { t }: Words): string {
  const withinTheDay = from !== null && now_ms - new Date(from).getTime() < DAY_MS;
  if (!withinTheDay) return t("gap_until", { to: clockTime(to) });
  const inOneMinute = clockTime(from) === clockTime(to);
  return t("gap_span", { from: clockTime(from, inOneMinute), to: clockTime(to, inOneMinute) });
}
