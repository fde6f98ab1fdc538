/** The language of the page: which one, its texts, and how it writes numbers and times. */

import { store, useStore } from "../state/store";
import type { Text } from "../api/types";
import type { en } from "./en";
import { th } from "./th";

export type Language = "th" | "en";
export type Key = keyof typeof th;

/** The {names} in a text: "a {n} b {m}" gives "n" | "m". */
type Names<S> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
type Given<K extends Key> = Names<(typeof th)[K]> extends never ? [] : [Record<Names<(typeof th)[K]>, string | number>];

/** Fails the type check, naming the key, where a text has other {names} in English than in Thai. */
type Same<K extends Key> = [Names<(typeof th)[K]>, Names<(typeof en)[K]>] extends [Names<(typeof en)[K]>, Names<(typeof th)[K]>]
  ? never
  : K;
export const unequalNames: { [K in Key as Same<K>]: K } = {};

/** English comes in a file of its own: who reads Thai does not wait for it. */
const TEXTS: { th: Record<Key, string>; en?: Record<Key, string> } = { th };
const REMEMBERED = "tonnam.language";

function remembered(): Language {
  try {
    return localStorage.getItem(REMEMBERED) === "en" ? "en" : "th";
  } catch {
    return "th";
  }
}

export const language = store<Language>("th");

/** Speaks a language once its texts are there; without a signal for them it stays as it is. */
export async function speak(next: Language): Promise<void> {
  if (next === "en" && !TEXTS.en) {
    const loaded = await import("./en").catch(() => null);
    if (!loaded) return;
    TEXTS.en = loaded.en;
  }
  try {
    localStorage.setItem(REMEMBERED, next);
  } catch {
    // A phone that keeps nothing still speaks the language for this visit.
  }
  language.set(next);
}

/** Speaks what this phone spoke last. */
export const speakAsBefore = (): Promise<void> => speak(remembered());

export const isKey = (name: string): name is Key => name in th;

export interface Words {
  language: Language;
  /** The text of a key, with its {names} filled in. */
  t<K extends Key>(key: K, ...given: Given<K>): string;
  /** The right one of two texts that the cloud sent. */
  pick(text: Text): string;
}

export function words(inLanguage: Language): Words {
  return {
    language: inLanguage,
    t(key, ...given) {
      const values: Record<string, string | number> = given[0] ?? {};
      return (TEXTS[inLanguage] ?? th)[key].replace(/\{(\w+)\}/g, (_all, name: string) => String(values[name]));
    },
    pick: (text) => text[inLanguage] || text.th || text.en,
  };
}

export function useWords(): Words {
  return words(useStore(language));
}
