/**
 * The live stream, read from fetch rather than EventSource: on a weak signal a connection can be dead without an
 * error, and only the cloud's ping comments, which EventSource hides, tell that it still lives.
 */

import type { Changed, Command, LiveReadings } from "./types";

export interface Listener {
  opened(): void;
  lost(): void;
  signedOut(): void;
  readings(what: LiveReadings): void;
  command(what: Command): void;
  changed(what: Changed): void;
}

const SILENCE_MS = 40_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;

/** Waits double from 1 s to 30 s, each shortened at random by up to half, so that phones do not come back in step. */
export function waitBefore(attempt: number, random: number): number {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt) * (1 - random / 2);
}

/** Listens until the returned function is called; comes back by itself after every loss. */
export function listen(listener: Listener): () => void {
  const end = new AbortController();
  void keepListening(listener, end.signal);
  return () => end.abort();
}

async function keepListening(listener: Listener, end: AbortSignal): Promise<void> {
  for (let attempt = 0; !end.aborted; attempt++) {
    const outcome = await listenOnce(listener, end);
    if (end.aborted) return;
    if (outcome === "signed-out") return listener.signedOut();
    if (outcome === "was-open") attempt = 0;
    listener.lost();
    await pause(waitBefore(attempt, Math.random()), end);
  }
}

async function listenOnce(listener: Listener, end: AbortSignal): Promise<"signed-out" | "was-open" | "never-open"> {
  const silence = new AbortController();
  const cut = () => silence.abort();
  end.addEventListener("abort", cut);
  let timer = setTimeout(cut, SILENCE_MS);
  let open = false;
  try {
    const response = await fetch("/api/live", {
      headers: { Accept: "text/event-stream" },
      signal: silence.signal,
      cache: "no-store",
    });
    if (response.status === 401) return "signed-out";
    if (!response.ok || !response.body) return "never-open";
    open = true;
    listener.opened();
    await drain(response.body, listener, () => {
      clearTimeout(timer);
      timer = setTimeout(cut, SILENCE_MS);
    });
  } catch {
    // Cut by silence, by the network or by the page: all the same, the loop decides.
  } finally {
    clearTimeout(timer);
    end.removeEventListener("abort", cut);
  }
  return open ? "was-open" : "never-open";
}

async function drain(body: ReadableStream<Uint8Array>, listener: Listener, heard: () => void): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    heard();
    const blocks = (rest + decoder.decode(value, { stream: true })).split(/\r?\n\r?\n/);
    rest = blocks.pop() ?? "";
    blocks.forEach((block) => tell(block, listener));
  }
}

function tell(block: string, listener: Listener): void {
  const lines = block.split(/\r?\n/);
  const field = (name: string): string[] =>
    lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trimStart());
  const text = field("data").join("\n");
  if (!text) return;
  const event = field("event")[0];
  if (event === "readings") listener.readings(JSON.parse(text) as LiveReadings);
  else if (event === "command") listener.command(JSON.parse(text) as Command);
  else if (event === "changed") listener.changed((JSON.parse(text) as { what: Changed }).what);
}

function pause(ms: number, end: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    window.addEventListener("online", done, { once: true });
    end.addEventListener("abort", done, { once: true });
    function done(): void {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      resolve();
    }
  });
}
