/** Where in the page one is, from the part of the address after #. */

import { store } from "./state/store";

export type Route =
  | { page: "home" }
  | { page: "town" }
  | { page: "zone"; tenant: string; site: string; zone: string }
  | { page: "link"; token: string }
  | { page: "nowhere" };

export function parse(hash: string): Route {
  const [page, a, b, c] = hash.replace(/^#?\/?/, "").split("/").filter(Boolean).map(decoded);
  if (page === undefined) return { page: "home" };
  if (page === "town") return { page: "town" };
  if (page === "link" && a) return { page: "link", token: a };
  if (page === "zone" && a && b && c) return { page: "zone", tenant: a, site: b, zone: c };
  return { page: "nowhere" };
}

export const zoneHref = (tenant: string, site: string, zone: string): string => `#/zone/${[tenant, site, zone].map(encodeURIComponent).join("/")}`;

export const route = store<Route>(parse(location.hash));

export function watchTheAddress(): void {
  window.addEventListener("hashchange", () => {
    moved = true;
    route.set(parse(location.hash));
  });
}

let moved = false;

/** True once after every move from one page to another; false on the page where one came in. */
export function justMoved(): boolean {
  const was = moved;
  moved = false;
  return was;
}

/** Goes home and leaves nothing in the history, so that "back" never meets a spent link. */
export function goHome(): void {
  history.replaceState(null, "", "#/");
  route.set({ page: "home" });
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
