/** Staff gauges: soil, tank and river are all read like the board in the river by which people know the water. */

import { useId } from "preact/hooks";
import type { Band } from "../api/types";

/** Waves 36 wide, from -72 on, so that they can drift by one without an end coming into sight. */
const waves = (wide: number): string => `c6 -4 12 -4 18 0${"s12 4 18 0s12 -4 18 0".repeat(Math.ceil((wide + 72) / 36))}`;
const SOIL_WAVES = waves(92);
const TANK_WAVES = waves(100);
const RIVER_WAVES = waves(320);
const STONES: readonly [number, number, number, number][] = [
  [14, 34, 4, 2.5],
  [38, 22, 3, 2],
  [48, 52, 5, 3],
  [20, 66, 3, 2],
  [36, 84, 4.5, 2.6],
  [12, 98, 3.5, 2.2],
  [50, 112, 4, 2.4],
  [26, 124, 5, 3],
  [44, 140, 3, 2],
  [14, 142, 4, 2.4],
];

interface Scale {
  from: number;
  to: number;
}

const WITHOUT_BAND: Scale = { from: 0, to: 60 };

/** What the board shows: the band with room above and below, never under 0 nor over 100. */
export function scaleAround({ low_pct, high_pct }: Band): Scale {
  if (low_pct === null || high_pct === null) return WITHOUT_BAND;
  const room = Math.max(4, (high_pct - low_pct) * 1.6);
  return { from: Math.max(0, low_pct - room), to: Math.min(100, high_pct + room) };
}

const TOP = 8;
const BOTTOM = 152;

function height(value: number, { from, to }: Scale): number {
  const share = Math.min(1, Math.max(0, (value - from) / (to - from)));
  return BOTTOM - share * (BOTTOM - TOP);
}

/** A column of soil: water stands in it as high as its moisture; the bracket at its side is where it should be. */
export function SoilGauge({ value, band, running, label }: { value: number | null; band: Band; running: boolean; label: string }) {
  const column = useId();
  const scale = scaleAround(band);
  return (
    <svg class={`gauge soil-gauge${running ? " is-running" : ""}`} viewBox="0 0 92 160" role="img" aria-label={label}>
      <clipPath id={column}>
        <rect x="4" y="4" width="56" height="152" rx="14" />
      </clipPath>
      <g clip-path={`url(#${column})`}>
        <rect x="4" y="4" width="56" height="152" class={value === null ? "gauge-unknown" : "gauge-soil"} />
        {value === null ? <Question /> : <SoilAndWater level={height(value, scale)} />}
        <BandLines band={band} scale={scale} />
      </g>
      <rect x="4" y="4" width="56" height="152" rx="14" class={`gauge-frame${value === null ? " is-unknown" : ""}`} />
      <BandBracket band={band} scale={scale} />
    </svg>
  );
}

function BandLines({ band: { low_pct, high_pct }, scale }: { band: Band; scale: Scale }) {
  if (low_pct === null || high_pct === null) return null;
  return <path d={`M4 ${height(high_pct, scale)}H60M4 ${height(low_pct, scale)}H60`} class="gauge-band-line" />;
}

function BandBracket({ band: { low_pct, high_pct }, scale }: { band: Band; scale: Scale }) {
  if (low_pct === null || high_pct === null) return null;
  const [high, low] = [height(high_pct, scale), height(low_pct, scale)];
  return (
    <>
      <rect x="64" y={high} width="5" height={Math.max(4, low - high)} rx="2.5" class="gauge-band" />
      <text x="73" y={high + 5} class="gauge-number">
        {high_pct}
      </text>
      <text x="73" y={low + 5} class="gauge-number">
        {low_pct}
      </text>
    </>
  );
}

function SoilAndWater({ level }: { level: number }) {
  return (
    <>
      {STONES.map(([x, y, rx, ry]) => (
        <ellipse cx={x} cy={y} rx={rx} ry={ry} class="gauge-stone" />
      ))}
      <path class="gauge-water wave" d={`M-72 ${level}${SOIL_WAVES}V170H-72Z`} />
      <path class="gauge-water-edge wave" d={`M-72 ${level}${SOIL_WAVES}`} />
    </>
  );
}

function Question() {
  return (
    <text x="32" y="94" text-anchor="middle" class="gauge-question">
      ?
    </text>
  );
}

/** A tank seen from the side, with quarter marks. `share` is how full, from 0 to 1. */
export function TankGauge({ share, label }: { share: number | null; label: string }) {
  const inside = useId();
  const level = 100 - 88 * Math.min(1, Math.max(0, share ?? 0));
  return (
    <svg class="gauge tank-gauge" viewBox="0 0 100 112" role="img" aria-label={label}>
      <clipPath id={inside}>
        <rect x="6" y="8" width="76" height="98" rx="12" />
      </clipPath>
      <g clip-path={`url(#${inside})`}>
        <rect x="6" y="8" width="76" height="98" class={share === null ? "gauge-unknown" : "gauge-empty"} />
        {share === null ? (
          <text x="44" y="70" text-anchor="middle" class="gauge-question">
            ?
          </text>
        ) : (
          <>
            <path class="gauge-water wave" d={`M-72 ${level}${TANK_WAVES}V122H-72Z`} />
            <path class="gauge-water-edge wave" d={`M-72 ${level}${TANK_WAVES}`} />
          </>
        )}
      </g>
      <rect x="6" y="8" width="76" height="98" rx="12" class={`gauge-frame${share === null ? " is-unknown" : ""}`} />
      <path d="M88 12h8M88 34h5M88 56h8M88 78h5M88 100h8" class="gauge-tick" />
    </svg>
  );
}

/** A river between its banks, cut across, with the board standing in it. `share` is level by bank height. */
export function RiverGauge({ share, label }: { share: number | null; label: string }) {
  const bank = 44;
  const bed = 128;
  const level = bed - (bed - bank) * Math.min(1.3, Math.max(0, share ?? 0));
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => bed - (bed - bank) * part);
  return (
    <svg class="gauge river-gauge" viewBox="0 0 320 144" role="img" aria-label={label}>
      {share !== null && (
        <>
          <path class="gauge-water wave-wide" d={`M-72 ${level}${RIVER_WAVES}V154H-72Z`} />
          <path class="gauge-water-edge wave-wide" d={`M-72 ${level}${RIVER_WAVES}`} />
        </>
      )}
      <path class="gauge-soil" d={`M0 ${bank}H58C76 ${bank} 84 66 96 92S122 ${bed} 142 ${bed}H190C210 ${bed} 224 116 236 92S262 ${bank} 280 ${bank}H320V144H0Z`} />
      <path class="gauge-grass" d={`M0 ${bank}H58M280 ${bank}H320`} />
      <path d={`M60 ${bank}H278`} class="gauge-band-line" />
      {share === null ? (
        <text x="166" y="104" text-anchor="middle" class="gauge-question">
          ?
        </text>
      ) : (
        <path d={`M166 ${bed + 4}V24${ticks.map((y) => `M158 ${y}h16`).join("")}`} class="gauge-board" />
      )}
    </svg>
  );
}
