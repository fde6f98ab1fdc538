/** Numbers and times as people read them: Thai time, the Buddhist era in Thai, Arabic digits, unknown said as unknown. */

import type { Measure, Run } from "../api/types";
import type { Language, Words } from "./index";

const ZONE = "Asia/Bangkok";
const LOCALE: Record<Language, string> = { th: "th-TH-u-nu-latn", en: "en-GB" };
const DAY_MS = 86_400_000;
const BANGKOK_MS = 7 * 3_600_000;

/** UCUM unit -> how it is written, and how many decimals are worth reading. */
const UNITS: Record<string, { th: string; en: string; decimals: number }> = {
  "%": { th: "%", en: "%", decimals: 1 },
  Cel: { th: "°C", en: "°C", decimals: 1 },
  "uS/cm": { th: "µS/cm", en: "µS/cm", decimals: 0 },
  "ug/m3": { th: "มคก./ลบ.ม.", en: "µg/m³", decimals: 1 },
  "L/min": { th: "ลิตร/นาที", en: "L/min", decimals: 0 },
  L: { th: "ลิตร", en: "L", decimals: 0 },
  cm: { th: "ซม.", en: "cm", decimals: 0 },
  m: { th: "ม.", en: "m", decimals: 2 },
  mm: { th: "มม.", en: "mm", decimals: 1 },
  lx: { th: "ลักซ์", en: "lx", decimals: 0 },
  W: { th: "วัตต์", en: "W", decimals: 0 },
  kW: { th: "kW", en: "kW", decimals: 2 },
  Wh: { th: "วัตต์-ชม.", en: "Wh", decimals: 0 },
  kWh: { th: "หน่วย", en: "kWh", decimals: 0 },
  V: { th: "โวลต์", en: "V", decimals: 2 },
  "1": { th: "", en: "", decimals: 0 },
};

export function number(value: number, decimals: number, inLanguage: Language): string {
  return new Intl.NumberFormat(LOCALE[inLanguage], {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  }).format(value);
}

export function unit(code: string, inLanguage: Language): string {
  return UNITS[code]?.[inLanguage] ?? code;
}

/** Names in a row. Thai has spaces around its "and", which the browser's own list leaves out: "แปลง 1 และแปลง 2". */
export function listed(names: string[], inLanguage: Language): string {
  if (inLanguage === "en" || names.length < 2) return new Intl.ListFormat(LOCALE[inLanguage], { type: "conjunction" }).format(names);
  const last = names.at(-1) ?? "";
  return `${names.slice(0, -1).join(" ")} และ${/^[\u0e00-\u0e7f]/.test(last) ? "" : " "}${last}`;
}

export interface Amount {
  number: string;
  unit: string;
}

/** A value with its unit, a thousand watts as a kilowatt. */
export function amount(value: number, code: string, inLanguage: Language): Amount {
  const kilo = (code === "W" || code === "Wh") && Math.abs(value) >= 1000;
  const scaled = kilo ? `k${code}` : code;
  const decimals = UNITS[scaled]?.decimals ?? 2;
  return { number: number(kilo ? value / 1000 : value, decimals, inLanguage), unit: unit(scaled, inLanguage) };
}

/** The value if it is known and fresh, else null. */
export function known(measure: Measure | null): number | null {
  return measure && measure.fresh ? measure.value : null;
}

/** "16:05", or "16:05:30" when seconds matter, in Thailand. */
export function clockTime(at: string | number, seconds = false): string {
  const parts: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", ...(seconds && { second: "2-digit" }) };
  return new Intl.DateTimeFormat("en-GB", { timeZone: ZONE, ...parts }).format(new Date(at));
}

export function clock(at: string | number, words: Words): string {
  return words.t("clock", { time: clockTime(at) });
}

/** The day in full: "วันอาทิตย์ที่ 22 พฤศจิกายน 2569". */
export function fullDate(at_ms: number, inLanguage: Language): string {
  return new Intl.DateTimeFormat(LOCALE[inLanguage], {
    timeZone: ZONE,
    weekday: "long",
    day: "numeric",
    month: "long",
    year: "numeric",
  }).format(at_ms);
}

const dayNumber = (at_ms: number): number => Math.floor((at_ms + BANGKOK_MS) / DAY_MS);

/** "วันนี้ 16:00 น.", "พรุ่งนี้ …", else the date. */
export function when(at: string | number, now_ms: number, words: Words): string {
  const at_ms = new Date(at).getTime();
  const time = clock(at_ms, words);
  switch (dayNumber(at_ms) - dayNumber(now_ms)) {
    case 0:
      return words.t("today_at", { time });
    case 1:
      return words.t("tomorrow_at", { time });
    case -1:
      return words.t("yesterday_at", { time });
    default: {
      const date = new Intl.DateTimeFormat(LOCALE[words.language], { timeZone: ZONE, day: "numeric", month: "short", year: "2-digit" });
      return `${date.format(at_ms)} ${time}`;
    }
  }
}

/** "16:05 น." of today, else with its day. */
export function clockOfDay(at: string | number, now_ms: number, words: Words): string {
  return dayNumber(new Date(at).getTime()) === dayNumber(now_ms) ? clock(at, words) : when(at, now_ms, words);
}

/** "วันนี้", "เมื่อวาน", else the date. */
export function dayOf(at: string | number, now_ms: number, words: Words): string {
  const at_ms = new Date(at).getTime();
  const days = dayNumber(now_ms) - dayNumber(at_ms);
  if (days === 0 || days === 1) return words.t(days === 0 ? "today" : "yesterday");
  return new Intl.DateTimeFormat(LOCALE[words.language], { timeZone: ZONE, day: "numeric", month: "short" }).format(at_ms);
}

export function ago(at: string | number, now_ms: number, words: Words): string {
  const seconds = Math.max(0, Math.round((now_ms - new Date(at).getTime()) / 1000));
  if (seconds < 5) return words.t("just_now");
  if (seconds < 60) return words.t("seconds_ago", { n: seconds });
  if (seconds < 3600) return words.t("minutes_ago", { n: Math.floor(seconds / 60) });
  if (seconds < 86_400) return words.t("hours_ago", { n: Math.floor(seconds / 3600) });
  return words.t("days_ago", { n: Math.floor(seconds / 86_400) });
}

export function span(total_s: number, words: Words): string {
  const seconds = Math.max(0, Math.round(total_s));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  if (h > 0) return words.t("span_hm", { h, m });
  if (m > 0) return s > 0 ? words.t("span_ms", { m, s }) : words.t("span_m", { m });
  return words.t("span_s", { s });
}

/** Seconds that a run still has, by its plan; null when it is not running or its plan is not known. */
export function remaining_s(run: Run | null, now_ms: number): number | null {
  if (!run || run.ended_at || run.planned_s === null) return null;
  return (new Date(run.started_at).getTime() + run.planned_s * 1000 - now_ms) / 1000;
}
