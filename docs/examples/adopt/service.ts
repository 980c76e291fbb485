/** A service that is not MeStore and can be tuned all the same: quotes, cached. `bun service.ts` */
import { readFileSync } from "node:fs";

const edges = [0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, Number.POSITIVE_INFINITY];
const counts = { hit: 0, miss: 0, within: edges.map(() => 0) };
const cache = new Map<string, { readonly quote: string; readonly madeAt: number }>();
let tuning = { revision: 0, ttlSeconds: 2 };

async function findQuote(id: string): Promise<string> {
  const now = performance.now();
  const entry = cache.get(id);
  const isFresh = entry !== undefined && now - entry.madeAt <= tuning.ttlSeconds * 1000;
  counts[isFresh ? "hit" : "miss"]++;
  if (isFresh) return entry.quote;
  await Bun.sleep(2); // What the cache is there for: a slow source of quotes.
  cache.set(id, { quote: `Quote number ${id}`, madeAt: now });
  return `Quote number ${id}`;
}

async function serve(request: Request): Promise<Response> {
  const started = performance.now();
  const quote = await findQuote(new URL(request.url).pathname.slice(1));
  const seconds = (performance.now() - started) / 1000;
  counts.within = counts.within.map((n, i) => n + (seconds <= (edges[i] ?? 0) ? 1 : 0));
  return new Response(quote);
}

const bucket = (edge: number, i: number) =>
  `http_server_request_duration_seconds_bucket{http_response_status_code="200",le="${String(edge).replace("Infinity", "+Inf")}"} ${counts.within[i]}`;
const describeMetrics = () =>
  new Response(`mestore_tuning_revision ${tuning.revision}
mestore_cache_ttl_seconds{class="quote"} ${tuning.ttlSeconds}
mestore_cache_lookups_total{class="quote",outcome="hit"} ${counts.hit}
mestore_cache_lookups_total{class="quote",outcome="miss"} ${counts.miss}
${edges.map(bucket).join("\n")}
http_server_request_duration_seconds_count{http_response_status_code="200"} ${counts.within.at(-1)}\n`);

setInterval(() => {
  try {
    const text = readFileSync(process.env["TUNING_FILE"] ?? "tuning.json", "utf8");
    const { schemaVersion, revision, ttlSeconds: asked } = JSON.parse(text);
    const ttlSeconds = Math.min(3600, Math.max(1, asked.quote)); // Its own safe range.
    if (schemaVersion === 1 && ttlSeconds > 0) tuning = { revision, ttlSeconds };
  } catch {} // None yet, or one that makes no sense: what is in force stays in force.
}, 500); // By content: in a pod an update swaps a symbolic link.
Bun.serve({ port: process.env["PORT"] ?? 8000, fetch: serve });
Bun.serve({ port: process.env["METRICS_PORT"] ?? 9464, fetch: describeMetrics });
