/** The last that was seen, kept on the phone so that the page opens with a weak signal; gone when one signs out. */

import type { Me, Overview, Town } from "../api/types";

export interface Kept {
  me: Me;
  overview: Overview | null;
  town: Town | null;
  heardAt: number;
}

const KEY = "tonnam.kept.3";
const OLDER = ["tonnam.kept.2"];

export function kept(): Kept | null {
  try {
    OLDER.forEach((key) => localStorage.removeItem(key));
    return JSON.parse(localStorage.getItem(KEY) ?? "null") as Kept | null;
  } catch {
    return null;
  }
}

export function keep(what: Kept): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(what));
  } catch {
    // Private windows and full phones keep nothing; the page works without.
  }
}

export function forget(): void {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // Nothing was kept.
  }
}
