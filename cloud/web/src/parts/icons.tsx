/** Drawn for this page: each state has its own outline, so that none is told by colour alone. */

import type { ComponentChildren } from "preact";
import type { ZoneState } from "../api/types";

const DRAWINGS = {
  drop: <path d="M12 3c3.6 4.3 6 7.4 6 10.6A6 6 0 0 1 6 13.6C6 10.4 8.4 7.3 12 3Z" />,
  "drop-off": <path d="M12 3c1.5 1.8 2.8 3.4 3.9 4.9M18 13.6A6 6 0 0 1 6 13.6c0-1.6.6-3.2 1.5-4.8M4 4l16 16" />,
  dry: <path d="M12 2.8 21.2 12 12 21.2 2.8 12ZM12 7l-1.8 3.6 3.3 2-1.7 4.4" />,
  good: <path d="M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 17.5v-5M12 12.5c0-2.6 1.7-4.2 4.6-4.3 0 2.8-1.7 4.3-4.6 4.3ZM12 14.5c0-2-1.3-3.3-3.8-3.4 0 2.2 1.4 3.4 3.8 3.4Z" />,
  wet: <path d="M3 8.5c1.5-2 3-2 4.5 0s3 2 4.5 0 3-2 4.5 0 3 2 4.5 0M3 13.5c1.5-2 3-2 4.5 0s3 2 4.5 0 3-2 4.5 0 3 2 4.5 0M3 18.5c1.5-2 3-2 4.5 0s3 2 4.5 0 3-2 4.5 0 3 2 4.5 0" />,
  unknown: (
    <>
      <rect x="3.5" y="3.5" width="17" height="17" rx="3" stroke-dasharray="3.2 2.6" />
      <path d="M9.5 9.8a2.5 2.5 0 1 1 3.7 2.2c-.8.5-1.2 1-1.2 1.8M12 16.6v.1" />
    </>
  ),
  next: <path d="M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 7v5l3.3 2.2" />,
  heard: <path d="M12 18.5v.1M8.5 15a5 5 0 0 1 7 0M5.5 11.8a9.3 9.3 0 0 1 13 0M2.6 8.6a13.4 13.4 0 0 1 18.8 0" />,
  warning: <path d="M12 3.5 22 20.5H2ZM12 10v4.8M12 17.6v.1" />,
  critical: <path d="M8.3 3h7.4L21 8.3v7.4L15.7 21H8.3L3 15.7V8.3ZM12 7.5v6M12 16.6v.1" />,
  lock: <path d="M5.5 10.5h13v10h-13ZM8.5 10.5V7a3.5 3.5 0 0 1 7 0v3.5M12 14.3v2.6" />,
  hand: <path d="M8.5 13V6a1.4 1.4 0 0 1 2.8 0v5V4.6a1.4 1.4 0 0 1 2.8 0V11 6.4a1.4 1.4 0 0 1 2.8 0v8.1a6 6 0 0 1-6 6c-2.6 0-4-1.1-5.2-3.2l-2.3-4a1.5 1.5 0 0 1 2.5-1.6L8.5 14.2" />,
  watching: <path d="M2.5 12C5 7.8 8.2 5.7 12 5.7s7 2.1 9.5 6.3c-2.5 4.2-5.7 6.3-9.5 6.3S5 16.2 2.5 12ZM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z" />,
  pump: <path d="M4 20h16M6 20v-6M18 20v-6M12 17a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11ZM12 11.5V8M12 11.5l3 1.8M12 11.5l-3 1.8M17.3 9.5H21M12 6V3" />,
  gate: <path d="M5 21V6M19 21V6M3 6h18M12 2.5V10M9.5 2.5h5M5 10h14v6.5H5ZM5 13.2h14M2.5 20.5c1.2-1 2.3-1 3.5 0M18 20.5c1.2-1 2.3-1 3.5 0" />,
  tank: <path d="M5 6.5v11c0 1.4 3.1 2.5 7 2.5s7-1.1 7-2.5v-11M12 9c3.9 0 7-1.1 7-2.5S15.9 4 12 4 5 5.1 5 6.5 8.1 9 12 9Z" />,
  flow: <path d="M3 10h11a3 3 0 1 0-3-3M3 14h15a3 3 0 1 1-3 3M3 18h6" />,
  thermometer: <path d="M10 14.2V5a2.2 2.2 0 0 1 4.4 0v9.2a4.3 4.3 0 1 1-4.4 0ZM12.2 9v9" />,
  humidity: <path d="M9 3.5c2.7 3.2 4.5 5.5 4.5 8A4.5 4.5 0 0 1 9 16a4.5 4.5 0 0 1-4.5-4.5c0-2.5 1.8-4.8 4.5-8ZM17 11c1.8 2.2 3 3.7 3 5.4a3 3 0 0 1-6 0c0-.4 0-.7.2-1" />,
  sun: <path d="M12 16.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM12 2v2.5M12 19.5V22M2 12h2.5M19.5 12H22M4.9 4.9l1.8 1.8M17.3 17.3l1.8 1.8M4.9 19.1l1.8-1.8M17.3 6.7l1.8-1.8" />,
  solar: <path d="M6.5 5h11l3 11h-17ZM12 5v11M5 10.5h14M12 16v4M8.5 20h7" />,
  meter: <path d="M4 17a8.5 8.5 0 1 1 16 0M12 14.5l3.5-5M4 17h2.5M17.5 17H20M12 5.5V8" />,
  farm: <path d="M12 21v-9M12 12c0-4 2.7-6.7 8-7 0 4.6-2.7 7-8 7ZM12 15.5c0-3-2.1-5-6.5-5.2 0 3.5 2.1 5.2 6.5 5.2ZM4 21h16" />,
  town: <path d="M3 21h18M5 21V9.5l5-3.5v15M14 21V4h5.5v17M16.7 8v.1M16.7 12v.1M16.7 16v.1M7.5 12v.1M7.5 16v.1" />,
  air: <path d="M3 9h11.5a2.7 2.7 0 1 0-2.7-2.7M3 13h16a2.5 2.5 0 1 1-2.5 2.5M3 17h8.5a2.2 2.2 0 1 1-2.2 2.2" />,
  rain: <path d="M7 14.5a4 4 0 0 1-.4-8A5.5 5.5 0 0 1 17 7.2a3.7 3.7 0 0 1 .3 7.3M8.5 17.5l-1 3M12.5 17.5l-1 3M16.5 17.5l-1 3" />,
  river: <path d="M3 7c2 0 2 1.5 4.5 1.5S10 7 12 7s2 1.5 4.5 1.5S19 7 21 7M3 12c2 0 2 1.5 4.5 1.5S10 12 12 12s2 1.5 4.5 1.5S19 12 21 12M3 17c2 0 2 1.5 4.5 1.5S10 17 12 17s2 1.5 4.5 1.5S19 17 21 17" />,
  plus: <path d="M12 4.5v15M4.5 12h15" />,
  minus: <path d="M4.5 12h15" />,
  check: <path d="m4.5 12.5 5 5 10-11" />,
  cross: <path d="m5.5 5.5 13 13M18.5 5.5l-13 13" />,
  back: <path d="m14.5 5-7 7 7 7" />,
  forward: <path d="m9.5 5 7 7-7 7" />,
  up: <path d="M12 20V5M5.5 11 12 4.5l6.5 6.5" />,
  down: <path d="M12 4v15M5.5 13l6.5 6.5 6.5-6.5" />,
  steady: <path d="M4 12h15M13.5 6 20 12l-6.5 6" />,
  out: <path d="M10 4.5H5.5v15H10M14.5 8l4.5 4-4.5 4M19 12H9.5" />,
} as const satisfies Record<string, ComponentChildren>;

export type IconName = keyof typeof DRAWINGS;

export function Icon({ name, size = 24 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {DRAWINGS[name]}
    </svg>
  );
}

/** Stop: an octagon, filled, as on the road. */
export function StopSign({ size = 32 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path d="M10.5 2h11L30 10.5v11L21.5 30h-11L2 21.5v-11Z" fill="currentColor" />
      <rect x="10.5" y="10.5" width="11" height="11" rx="1.5" fill="var(--stop)" />
    </svg>
  );
}

export const SOIL_ICON: Record<ZoneState, IconName> = { dry: "dry", good: "good", wet: "wet", unknown: "unknown" };

/** The mark: a drop whose inside is a hill's contour lines, where the water begins. */
export function Mark({ size = 32 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false" class="mark">
      <path class="mark-drop" d="M16 1.5c6 7 10.5 12.3 10.5 18A10.5 10.5 0 0 1 16 30.5 10.5 10.5 0 0 1 5.5 19.5c0-5.7 4.5-11 10.5-18Z" />
      <path class="mark-line" d="M6.2 22.5c4-3.3 6.6 1 10-1.2s5.5-2.4 9.7.2M9.3 27.3c2.9-2 4.5.6 7.4-.9s4-1.2 5.8-.3M8 15.9c3.2-1.6 5.2 1.1 8-.6 2.9-1.8 5-1.6 7.8-.6" />
    </svg>
  );
}
