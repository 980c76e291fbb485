import { createSampleHistory } from "../src/metrics-source/history.ts";
import { createFleetCounters } from "../src/metrics-source/fleet-fold.ts";
import { createFleetSource } from "../src/metrics-source/fleet-source.ts";
import { serviceMetrics, durationBucketsSeconds } from "@mestore/contract/metrics";
const targets = Number(process.argv[2]), hours = 12;
// a page like the service's: 10 routes x 3 codes, 12 statements, 4 active classes
function page(step: number, at: number) {
  const l: string[] = [];
  const h = (n: string, labels: string, k: number) => { [...durationBucketsSeconds, "+Inf"].forEach((le, i) => l.push(`${n}_bucket{${labels},le="${le}"} ${step * (i + 1) * k}`)); l.push(`${n}_sum{${labels}} ${step}`, `${n}_count{${labels}} ${step * 19 * k}`); };
  for (let r = 0; r < 10; r++) for (const c of ["200", "304", "404"]) h("http_server_request_duration_seconds", `http_request_method="GET",http_route="/r${r}",http_response_status_code="${c}"`, 1);
  for (let r = 0; r < 12; r++) h("db_client_operation_duration_seconds", `db_operation_name="s${r}",mestore_query_class="${["simple", "complex", "aggregation"][r % 3]}"`, 1);
  for (const c of ["product", "catalog", "search", "response", "auth", "embedding", "suggestion"]) {
    const k = ["product", "catalog", "search", "response"].includes(c) ? step : 0;
    for (const o of ["get", "set"]) h("mestore_cache_operation_duration_seconds", `class="${c}",operation="${o}"`, k ? 1 : 0);
    for (const o of ["hit", "stale", "miss", "coalesced", "negative"]) l.push(`mestore_cache_lookups_total{class="${c}",outcome="${o}"} ${k * 10}`);
    for (let i = 0; i < 16; i++) for (const m of ["mestore_cache_shadow_misses_total", "mestore_cache_shadow_stale_total", "mestore_cache_shadow_bytes"]) l.push(`${m}{class="${c}",ttl_seconds="${2 ** i}"} ${k * i}`);
    l.push(`mestore_cache_ttl_seconds{class="${c}"} 60`);
  }
  l.push(`mestore_metrics_collected_timestamp_seconds ${at}`, `process_start_time_seconds 1`, `mestore_tuning_revision 1`);
  return l.join("\n") + "\n";
}
let now = 1_000_000;
let text = "";
const sources = Array.from({ length: targets }, () => createFleetSource({ readPages: async () => [1, 2, 3].map((n) => ({ name: `p${n}`, isPod: true, page: text })), scrapeSeconds: 15, longestWindowSeconds: hours * 3600, now: () => now }));
Bun.gc(true); const before = process.memoryUsage().rss;
const t0 = performance.now(); let reads = 0;
const steps = Number(process.argv[3] ?? hours * 240);
const stride = hours * 3600 / steps; 
for (let s = 0; s <= steps; s++) { now += 15; text = page(s, now); for (const x of sources) { await x.window(60); reads++; } }
console.log("page bytes", text.length, "ms/read of 3 pages", ((performance.now() - t0) / reads).toFixed(2));
const t1 = performance.now(); for (const x of sources.slice(0, 5)) { for (const w of [60, 300, 600, 1200, 3600, 7200, 43200]) await x.window(w); } console.log("ms/window", ((performance.now() - t1) / 35).toFixed(2));
Bun.gc(true); Bun.gc(true);
console.log("MiB for", targets, ((process.memoryUsage().rss - before) / 2 ** 20).toFixed(1), "heap", (process.memoryUsage().heapUsed / 2 ** 20).toFixed(1));
