// Keeps the page's files, so that it opens without a network. It only copies files: no model runs
// here, since a service worker cannot import one.

const CACHE = `sluice-edge ${self.registration.scope} DIGEST`;
const ALL = `sluice-edge ${self.registration.scope} `;

self.addEventListener("install", (event) => {
  event.waitUntil(keepAll().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(dropOld().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET") event.respondWith(kept(event.request));
});

async function keepAll() {
  const cache = await caches.open(CACHE);
  const response = await fetch("files.json", { cache: "no-cache" });
  const { files } = await response.clone().json();
  await cache.put("files.json", response);
  const requests = ["./", ...Object.keys(files)].map(
    (name) => new Request(name, { cache: "no-cache" }),
  );
  await cache.addAll(requests);
}

async function dropOld() {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(ALL) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
}

async function kept(request) {
  const cache = await caches.open(CACHE);
  const response = await cache.match(request, { ignoreSearch: true });
  return response ?? fetch(request);
}
