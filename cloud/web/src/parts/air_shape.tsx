/** Shapes that tell a band without its colour: rounder is better, more corners is worse. */

import type { AirBand } from "../api/types";

const OUTLINE: Record<AirBand, string> = {
  very_good: "M60 8a52 52 0 1 1 0 104 52 52 0 0 1 0-104Z",
  good: "M40 10h40a30 30 0 0 1 30 30v40a30 30 0 0 1-30 30H40a30 30 0 0 1-30-30V40a30 30 0 0 1 30-30Z",
  moderate: "M35 12h50a8 8 0 0 1 7 4l22 40a8 8 0 0 1 0 8l-22 40a8 8 0 0 1-7 4H35a8 8 0 0 1-7-4L6 64a8 8 0 0 1 0-8l22-40a8 8 0 0 1 7-4Z",
  starts_to_affect: "M54 5.5a8 8 0 0 1 12 0l48.5 48.5a8 8 0 0 1 0 12L66 114.5a8 8 0 0 1-12 0L5.5 66a8 8 0 0 1 0-12Z",
  affects: "M39 6h42l33 33v42l-33 33H39L6 81V39Z",
  not_enough_data: "M60 8a52 52 0 1 1 0 104 52 52 0 0 1 0-104Z",
};

export function AirShape({ band, text }: { band: AirBand; text: string }) {
  return (
    <svg class={`air-shape band-${band}`} viewBox="0 0 120 120" aria-hidden="true" focusable="false">
      <path d={OUTLINE[band]} />
      <text x="60" y="60" text-anchor="middle" dominant-baseline="central">
        {text}
      </text>
    </svg>
  );
}

const HEAVY_FROM_MM = [0.1, 10.1, 35.1, 90.1];

/** None to four drops filled, by the Meteorological Department's bands of a day's rain. */
export function RainDrops({ today_mm }: { today_mm: number | null }) {
  const filled = HEAVY_FROM_MM.filter((from) => (today_mm ?? 0) >= from).length;
  return (
    <svg class={`rain-drops${today_mm === null ? " is-unknown" : ""}`} viewBox="0 -10 120 106" aria-hidden="true" focusable="false">
      <path class="cloud" d="M34 52a20 20 0 0 1-2-40 30 30 0 0 1 56 4 18 18 0 0 1 0 36Z" />
      {HEAVY_FROM_MM.map((from, i) => (
        <path key={from} class={i < filled ? "drop is-full" : "drop"} d={`M${30 + i * 20} 62c5 6 7 9.5 7 13.5a7 7 0 0 1-14 0c0-4 2-7.5 7-13.5Z`} />
      ))}
    </svg>
  );
}
