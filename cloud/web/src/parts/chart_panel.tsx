/** A chart with what it says in words, for eyes that do not see it, and the same as a table. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Band, History } from "../api/types";
import { amount, clock, number } from "../words/format";
import { useWords } from "../words";
import type { Drawing, Stretch } from "./chart";
import { hourlyMeans, type Hour } from "./series";

interface Props {
  history: History;
  summary: string;
  name: string;
  unit: string;
  decimals: number;
  least: { low: number; high: number };
  kind?: "line" | "bars";
  height?: number;
  band?: Band;
  runs?: Stretch[];
  gaps?: Stretch[];
  mark?: { value: number; label: string };
}

type Drawn = { redraw(history: History): void; destroy(): void };

export function ChartPanel(props: Props) {
  const words = useWords();
  const [pointed, point] = useState<{ at_s: number; value: number | null } | null>(null);
  const canvas = useDrawing(props, point);
  const said = pointed
    ? `${clock(pointed.at_s * 1000, words)}  ${pointed.value === null ? words.t("unknown") : spoken(pointed.value, props.unit, words.language)}`
    : "";
  return (
    <figure class="chart">
      <p class="chart-said" aria-hidden="true">
        {said}
      </p>
      <div class="chart-canvas" ref={canvas} role="img" aria-label={props.summary} style={{ minHeight: `${props.height ?? 260}px` }} />
      <HourTable {...props} />
    </figure>
  );
}

function spoken(value: number, unit: string, language: "th" | "en"): string {
  const { number: digits, unit: sign } = amount(value, unit, language);
  return `${digits} ${sign}`;
}

/** Draws when the shape of the drawing changes or the phone goes dark; a new reading only redraws the line. */
function useDrawing(props: Props, point: (at: { at_s: number; value: number | null } | null) => void) {
  const into = useRef<HTMLDivElement>(null);
  const drawn = useRef<Drawn | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const dark = useDark();
  const shape = JSON.stringify([props.band, props.runs, props.gaps, props.mark, props.least, props.kind, dark]);
  useEffect(() => {
    let gone = false;
    void import("./chart").then(({ draw }) => {
      if (gone || !into.current) return;
      drawn.current = draw(into.current, asDrawing(latest.current, point));
    }, () => undefined);
    return () => {
      gone = true;
      drawn.current?.destroy();
      drawn.current = null;
    };
  }, [shape]);
  useEffect(() => drawn.current?.redraw(props.history), [props.history]);
  return into;
}

function asDrawing(props: Props, point: (at: { at_s: number; value: number | null } | null) => void): Drawing {
  const { history, least, decimals, band, runs, gaps, mark } = props;
  return {
    history,
    least,
    decimals,
    kind: props.kind ?? "line",
    height: props.height ?? 260,
    ...(band && { band }),
    ...(runs && { runs }),
    ...(gaps && { gaps }),
    ...(mark && { mark }),
    say: (at_s, value) => point({ at_s, value }),
    quiet: () => point(null),
  };
}

function useDark(): boolean {
  const query = matchMedia("(prefers-color-scheme: dark)");
  const [dark, set] = useState(query.matches);
  useEffect(() => {
    const update = () => set(query.matches);
    query.addEventListener("change", update);
    return () => query.removeEventListener("change", update);
  }, []);
  return dark;
}

function HourTable({ history, name, unit, decimals, kind }: Props) {
  const { t, language, ...rest } = useWords();
  const [open, setOpen] = useState(false);
  const hours: Hour[] = !open ? [] : kind === "bars" ? history.t.map((from_s, i) => ({ from_s, value: history.v[i] ?? null })).reverse() : hourlyMeans(history);
  const sign = amount(0, unit, language).unit;
  return (
    <details class="table-under" onToggle={(event) => setOpen((event.currentTarget as HTMLDetailsElement).open)}>
      <summary>{t("as_table")}</summary>
      <table>
        <caption>{t("table_caption", { name })}</caption>
        <thead>
          <tr>
            <th scope="col">{t("hour")}</th>
            <th scope="col">
              {kind === "bars" ? name : t("average")} ({sign})
            </th>
          </tr>
        </thead>
        <tbody>
          {hours.map(({ from_s, value }) => (
            <tr key={from_s}>
              <th scope="row">{clock(from_s * 1000, { t, language, ...rest })}</th>
              <td>{value === null ? t("unknown") : number(value, decimals, language)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
