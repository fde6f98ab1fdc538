// Keeps the shell on the phone, so that the page opens with a weak signal or none. It never touches /api.
const CACHE = "tonnam-__VERSION__";
const SHELL = ["__SHELL__"];
const PATIENCE_MS = 2500;

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll(SHELL))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(dropOlderCaches().then(() => self.clients.claim()));
});

// The newest older cache stays: a page opened before this version may still ask for its own files.
async function dropOlderCaches() {
  const older = (await caches.keys()).filter((name) => name.startsWith("tonnam-") && name !== CACHE);
  await Promise.all(older.slice(0, -1).map((name) => caches.delete(name)));
}

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin || url.pathname.startsWith("/api/")) return;
  event.respondWith(event.request.mode === "navigate" ? freshOrKept(event.request) : keptOrFresh(event.request));
});

// Only files with a hash in their name are the same in every version: no other is taken from an older cache.
async function keptOrFresh(request) {
  const hashed = new URL(request.url).pathname.startsWith("/assets/");
  const kept = (await ownKept(request)) ?? (hashed ? await caches.match(request) : undefined);
  return kept ?? fetch(request);
}

async function ownKept(request) {
  return (await caches.open(CACHE)).match(request);
}

/** The page itself: from the network when it answers soon, else as it was kept. */
async function freshOrKept(request) {
  const kept = await ownKept("/");
  if (!kept) return fetch(request);
  const late = new Promise((resolve) => setTimeout(() => resolve(kept), PATIENCE_MS));
  const fresh = fetch(request).then((response) => (response.ok ? response : kept));
  return Promise.race([fresh, late]).catch(() => kept);
}
