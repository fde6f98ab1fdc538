/** Requests to the cloud. Every failure is a `Failure`, split by what the page does next. */

import type { Amount, Command, Me, Overview, SiteEvent, Text, ThingHistory, Town, ZoneHistory } from "./types";

/** `away`: no answer, try again; `signed-out`: sign in again; `refused`: the cloud said no, and why. */
export type FailureKind = "away" | "signed-out" | "refused";

export class Failure extends Error {
  constructor(
    readonly kind: FailureKind,
    readonly status: number,
    readonly text: Text | null,
  ) {
    super(`${kind} ${status}`);
  }
}

const PATIENCE_MS = 15_000;

async function request<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
  const response = await answer(method, path, body, headers);
  if (response.ok) return response.status === 204 ? (undefined as T) : read<T>(response);
  if (response.status === 401) throw new Failure("signed-out", 401, await said(response));
  const temporary = response.status >= 500 || response.status === 408;
  throw new Failure(temporary ? "away" : "refused", response.status, await said(response));
}

async function answer(method: string, path: string, body: unknown, headers: Record<string, string>): Promise<Response> {
  const unsafe = method === "GET" ? {} : { "X-Tonnam": "1", "Content-Type": "application/json" };
  const hurry = new AbortController();
  const timer = setTimeout(() => hurry.abort(), PATIENCE_MS);
  try {
    return await fetch(`/api${path}`, {
      method,
      headers: { Accept: "application/json", ...unsafe, ...headers },
      body: body === undefined ? null : JSON.stringify(body),
      signal: hurry.signal,
      cache: "no-store",
    });
  } catch {
    throw new Failure("away", 0, null);
  } finally {
    clearTimeout(timer);
  }
}

/** An answer cut off half-way, or a page of some proxy in its place, is the same as no answer. */
async function read<T>(response: Response): Promise<T> {
  try {
    return (await response.json()) as T;
  } catch {
    throw new Failure("away", response.status, null);
  }
}

async function said(response: Response): Promise<Text | null> {
  try {
    const body = (await response.json()) as { error?: { message?: Partial<Text> } };
    const message = body.error?.message;
    return message?.th && message.en ? { th: message.th, en: message.en } : null;
  } catch {
    return null;
  }
}

/** A key that names one wish, so that sending it again never waters twice. Works without a secure context too. */
export function wishKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const path = (...parts: string[]): string => parts.map(encodeURIComponent).join("/");

export const api = {
  me: () => request<Me>("GET", "/me"),
  signIn: (username: string, password: string) => request<unknown>("POST", "/session", { username, password }),
  signInByLink: (token: string) => request<unknown>("POST", "/session/link", { token }),
  signOut: () => request<unknown>("DELETE", "/session"),
  overview: () => request<Overview>("GET", "/overview"),
  town: () => request<Town>("GET", "/town"),
  zoneHistory: (tenant: string, site: string, zone: string) =>
    request<ZoneHistory>("GET", `/sites/${path(tenant, site)}/zones/${path(zone)}/history?hours=24`),
  siteEvents: (tenant: string, site: string) => request<{ events: SiteEvent[] }>("GET", `/sites/${path(tenant, site)}/events?hours=72`),
  thingHistory: (tenant: string, site: string, thing: string, property: string) =>
    request<ThingHistory>("GET", `/sites/${path(tenant, site)}/things/${path(thing, property)}/history?hours=24`),
  water: (tenant: string, site: string, zone: string, amount: Amount, key: string) =>
    request<Command>("POST", `/sites/${path(tenant, site)}/zones/${path(zone)}/commands`, { action: "water", ...amount }, {
      "Idempotency-Key": key,
    }),
  stop: (tenant: string, site: string, zone: string, key: string) =>
    request<Command>("POST", `/sites/${path(tenant, site)}/zones/${path(zone)}/commands`, { action: "stop" }, {
      "Idempotency-Key": key,
    }),
  clear: (tenant: string, site: string, latch: string, key: string) =>
    request<Command>("POST", `/sites/${path(tenant, site)}/latches/${path(latch)}/clear`, undefined, { "Idempotency-Key": key }),
  lock: (tenant: string, site: string, zone: string | null, why: string, key: string) =>
    request<Command>("POST", `/sites/${path(tenant, site)}/lockouts`, { zone, why }, { "Idempotency-Key": key }),
  command: (id: string) => request<Command>("GET", `/commands/${path(id)}`),
};
