/** What a watering was given beside water, and what its pump took, in a farmer's words. */

import type { Dose, Run } from "../api/types";
import type { Words } from "../words";
import { number } from "../words/format";

const LIQUIDS = ["a", "b", "acid", "base", "hypochlorite", "fertiliser"] as const;

/** "จ่าย: ถังปุ๋ย A 120 มล. · ถังกรด 1.2 ลิตร"; null where nothing was dosed. */
export function dosesOf({ doses }: Run, words: Words): string | null {
  const given = doses.filter(({ ml }) => ml > 0).map((dose) => `${nameOf(dose, words)} ${volume(dose.ml, words)}`);
  return given.length > 0 ? words.t("run_dosed", { doses: given.join(" · ") }) : null;
}

/** What people call it, with the liquid where the name does not say it. */
function nameOf({ injector, liquid, name }: Dose, words: Words): string {
  const known = LIQUIDS.find((each) => each === liquid);
  const what = known ? words.t(`liquid_${known}`) : null;
  const called = name ? words.pick(name) : injector;
  return !what || called.toLowerCase().includes(what.toLowerCase()) ? called : `${what} (${called})`;
}

function volume(ml: number, { t, language }: Words): string {
  return ml < 1000 ? t("ml", { n: number(ml, ml < 10 ? 1 : 0, language) }) : t("litres", { n: number(ml / 1000, 1, language) });
}

/** "ไฟราว 0.42 หน่วย 1.11 บาท"; null where it is not known. */
export function electricityOf({ kwh, baht }: Run, { t, language }: Words): string | null {
  if (kwh === null) return null;
  const n = number(kwh, kwh < 0.1 ? 3 : 2, language);
  return baht === null ? t("run_kwh", { n }) : t("run_kwh_baht", { n, baht: number(baht, 2, language) });
}
