import {
  type CacheClass,
  cacheClasses,
  cacheClassNames,
  type CacheOutcome,
} from "@mestore/contract/cache-classes";
import { serviceMetrics } from "@mestore/contract/metrics";
import type { Logger } from "@mestore/telemetry/logger";
import type { Registry } from "@mestore/telemetry/registry";
import type { LoadedPage, PageAnswer, PageCache } from "./cache.ts";
import {
  type ClassState,
  createClassState,
  noteRefill,
  noteRefreshFailure,
} from "./class-state.ts";
import { createL1, createL1Entry, type L1Entry } from "./l1.ts";
import {
  decideOutcome,
  drawJitter,
  freshForMs,
  planFreshness,
  refreshableForMs,
  standsInForMs,
} from "./policy.ts";
import { createShadow } from "./shadow.ts";
import type { FleetShadow } from "./fleet-shadow.ts";
import type { SharedLayer } from "./shared-layer.ts";
import type { CacheStore } from "./store.ts";
import { watchStoreFigures } from "./store-figures.ts";

export interface PageCacheOptions {
  /** The shared layer; null: the process's own is all there is. The cache closes it. */
  readonly store: CacheStore | null;
  /** The shadow sample of all processes on that layer. Null: of this one alone. The cache closes it. */
  readonly fleet?: FleetShadow | null;
  readonly registry: Registry;
  readonly logger: Logger;
  /** Monotonic clock in ms. */
  readonly monotonic: () => number;
  /** Budget of the process's own layer, all classes together. */
  readonly l1Bytes: number;
  /** First part of every key in the shared layer. Default `mestore`. */
  readonly keyPrefix?: string;
  /** A load that takes longer fails with `LoadTimeoutError`. Default 5 s: the largest latency that an objective looks at is 1 s. */
  readonly loadTimeoutMs?: number;
  /** For how long a failed load is not tried again. Default 250 ms: four tries a second and key at most. */
  readonly failureBackOffMs?: number;
  /** Source of jitter, 0 up to 1. Default `Math.random`. */
  readonly random?: () => number;
}

/**
 * An entry made further ahead than this is a miss, to be replaced: the clock that dated it was wrong,
 * and it would be fresh until ours came there. Below it lies what measuring two clocks over a
 * network is off by, at most a deadline of 40 ms each, and what a clock is slewed by in 10 s.
 */
const maxAheadMs = 1000;

type Layer = "l1" | "l2";

/** The best copy at hand. */
interface Found {
  readonly entry: L1Entry | undefined;
  readonly layer: Layer;
  /**
   * `confirmed`: the shared layer has this copy, or an older one; `missing`: it has none, or the key
   * is being loaded; `away`: it does not answer.
   */
  readonly standing: "confirmed" | "missing" | "away";
}

type State = ClassState<Found>;

/** The cache of pages: see `PageCache`. TTLs start at those of the classes. */
export function createPageCache(options: PageCacheOptions): PageCache {
  const { store, registry, logger, monotonic, l1Bytes, fleet = null } = options;
  const { keyPrefix = "mestore", random = Math.random } = options;
  const { loadTimeoutMs = 5000, failureBackOffMs = 250 } = options;
  const l1 = createL1(l1Bytes);
  const storeFigures = store === null ? null : watchStoreFigures(store, registry);
  const states = Object.fromEntries(
    cacheClassNames.map((name) => [
      name,
      createClassState<Found>(name, {
        store,
        layer: l1.of(name),
        registry,
        monotonic,
        keyPrefix,
        loadTimeoutMs,
        failureBackOffMs,
      }),
    ]),
  ) as Readonly<Record<CacheClass, State>>;

  const processes = registry.cell(serviceMetrics.shadowProcesses, {});
  registry.beforeCollect(() => {
    processes.set(fleet?.processes() ?? 1);
    const nowSeconds = monotonic() / 1000;
    for (const name of cacheClassNames) {
      const { layer, shadow, figures, ttlSeconds } = states[name];
      shadow?.renew(nowSeconds, ttlSeconds);
      figures.publish(layer, shadow, nowSeconds);
    }
  });

  function fromL1(cacheClass: CacheClass, key: string): PageAnswer | null {
    const state = states[cacheClass];
    const entry = state.layer.get(key);
    if (entry === undefined) return null;
    const nowMs = monotonic();
    const { rules } = state;
    if (nowMs - entry.checkedAtMs > rules.l1CapMs) return null;
    if (nowMs - entry.madeAtMs > freshForMs(rules, entry)) return null;
    return answer(state, entry, entry.negative ? "negative" : "hit", "l1", nowMs);
  }

  /** Counts one look-up and makes its answer. */
  function answer(
    state: State,
    entry: L1Entry,
    outcome: CacheOutcome,
    layer: Layer | null,
    nowMs: number,
  ): PageAnswer {
    state.figures.lookups[outcome].add(1);
    if (layer !== null) state.figures.layerHits[layer].add(1);
    if (outcome === "hit") entry.hits++;
    // The curve is compared with the hit rate, so it looks at what that looks at: remembered
    // negatives are not in it, and one that had to be loaded is a miss whatever the TTL.
    if (outcome !== "negative") {
      const shadow = (state.shadow ??= fleet?.of(state.name) ?? createShadow(nowMs / 1000));
      if (entry.negative) shadow.missAtEveryTtl();
      else shadow.reference(entry.keyHash, entry.bytes, nowMs / 1000);
    }
    const ageSeconds = Math.max(0, nowMs - entry.madeAtMs) / 1000;
    return { page: entry.page, outcome, layer, ageSeconds };
  }

  async function resolve(
    state: State,
    key: string,
    load: () => Promise<LoadedPage>,
  ): Promise<PageAnswer> {
    const { entry, layer, standing } = await find(state, key);
    if (entry !== undefined) {
      const { rules } = state;
      const nowMs = monotonic();
      const ageMs = nowMs - entry.madeAtMs;
      const fresh = ageMs <= freshForMs(rules, entry);
      const outcome = decideOutcome(rules, entry, ageMs);
      if (fresh && maySpeakAlone(state, entry, standing, nowMs))
        return answer(state, entry, outcome, layer, nowMs);
      // A copy that the shared layer has lost, or that is past its TTL, serves once more meanwhile.
      const wanted = fresh ? standing === "missing" : ageMs <= refreshableForMs(rules, entry);
      if (wanted && !entry.negative && rules.staleWhileRevalidateMs > 0) {
        refresh(state, key, load);
        return answer(state, entry, outcome, layer, nowMs);
      }
    }
    return await loadOrStandIn(state, key, load, entry, layer);
  }

  /** Whether a fresh copy needs no other: its layer confirmed it, or is away and did so not too long ago. */
  function maySpeakAlone(
    { rules }: State,
    entry: L1Entry,
    standing: Found["standing"],
    nowMs: number,
  ): boolean {
    if (standing !== "away") return standing === "confirmed";
    return nowMs - entry.checkedAtMs <= rules.l1CapMs + rules.staleIfErrorMs;
  }

  async function loadOrStandIn(
    state: State,
    key: string,
    load: () => Promise<LoadedPage>,
    standIn: L1Entry | undefined,
    layer: Layer,
  ): Promise<PageAnswer> {
    const running = state.loads.running(key);
    const failure = running === undefined ? state.loads.recentFailure(key) : undefined;
    const outcome = running === undefined && failure === undefined ? "miss" : "coalesced";
    try {
      if (failure !== undefined) throw failure.reason;
      const loaded = await (running ?? startLoad(state, key, load));
      return answer(state, loaded, outcome, null, monotonic());
    } catch (error) {
      const { rules } = state;
      const nowMs = monotonic();
      if (standIn !== undefined && rules.staleIfErrorMs > 0) {
        const ageMs = nowMs - standIn.madeAtMs;
        if (ageMs <= standsInForMs(rules, standIn))
          return answer(state, standIn, decideOutcome(rules, standIn, ageMs), layer, nowMs);
      }
      state.figures.lookups[outcome].add(1);
      throw error;
    }
  }

  function find(state: State, key: string): Found | Promise<Found> {
    const held = state.layer.peek(key);
    if (state.shared === null || state.loads.running(key) !== undefined)
      return { entry: held, layer: "l1", standing: "missing" };
    let asking = state.asking.get(key);
    if (asking === undefined) {
      asking = ask(state, state.shared, key).finally(() => state.asking.delete(key));
      state.asking.set(key, asking);
    }
    return asking;
  }

  /** Asks the shared layer, and brings its copy and the process's own together. */
  async function ask(state: State, shared: SharedLayer, key: string): Promise<Found> {
    const stored = await shared.read(key);
    const held = state.layer.peek(key);
    if (stored === null) return { entry: held, layer: "l1", standing: "missing" };
    const offsetMs = store?.clockOffsetMs() ?? null;
    if (typeof stored === "string" || offsetMs === null)
      return { entry: held, layer: "l1", standing: "away" };
    const nowMs = monotonic();
    const madeAtMs = stored.madeAtMs - offsetMs;
    if (madeAtMs > nowMs + maxAheadMs) return { entry: held, layer: "l1", standing: "missing" };
    const same = held?.storeMadeAtMs === stored.madeAtMs;
    if (held !== undefined && (same || held.madeAtMs >= madeAtMs)) {
      held.checkedAtMs = nowMs;
      return { entry: held, layer: same ? "l2" : "l1", standing: "confirmed" };
    }
    const entry = createL1Entry(key, stored, Math.min(madeAtMs, nowMs), nowMs);
    l1.set(state.name, key, entry);
    return { entry, layer: "l2", standing: "confirmed" };
  }

  function startLoad(state: State, key: string, load: () => Promise<LoadedPage>): Promise<L1Entry> {
    // What a load reads is at least as new as the moment it began, and perhaps no newer.
    const madeAtMs = monotonic();
    return state.loads.start(key, load, ({ page, negative }) => {
      const offsetMs = store?.clockOffsetMs() ?? null;
      const storeMadeAtMs = offsetMs === null ? null : madeAtMs + offsetMs;
      const fill = { page, negative, jitter: drawJitter(random) };
      const entry = createL1Entry(key, { ...fill, madeAtMs: storeMadeAtMs }, madeAtMs, monotonic());
      const replaced = state.layer.peek(key);
      if (replaced !== undefined && !replaced.negative) noteRefill(state, replaced, entry);
      l1.set(state.name, key, entry);
      if (storeMadeAtMs !== null)
        state.shared?.write(key, { ...fill, madeAtMs: storeMadeAtMs }, state.ttlSeconds);
      return entry;
    });
  }

  /** Loads in the background, unless that is under way or failed a moment ago. */
  function refresh(state: State, key: string, load: () => Promise<LoadedPage>): void {
    const { loads } = state;
    if (loads.running(key) !== undefined || loads.recentFailure(key) !== undefined) return;
    startLoad(state, key, load).catch((error: unknown) => {
      const failures = noteRefreshFailure(state, monotonic());
      if (failures === 0) return;
      logger.warn(
        { err: error, class: state.name, key, failures },
        "pages could not be refreshed; old ones are served on",
      );
    });
  }

  return {
    fromL1,
    page(cacheClass, key, load) {
      const atOnce = fromL1(cacheClass, key);
      return atOnce === null ? resolve(states[cacheClass], key, load) : Promise.resolve(atOnce);
    },
    applyTtls(ttlSeconds) {
      for (const name of cacheClassNames) {
        const seconds = ttlSeconds[name];
        if (seconds === undefined) continue;
        const state = states[name];
        state.ttlSeconds = seconds;
        state.rules = planFreshness(cacheClasses[name], seconds, store !== null);
        state.figures.ttlSeconds.set(seconds);
      }
    },
    status: () =>
      cacheClassNames.map((name) => {
        const { layer, ttlSeconds } = states[name];
        return { class: name, ttlSeconds, l1Entries: layer.size, l1Bytes: layer.calculatedSize };
      }),
    async close() {
      storeFigures?.close();
      await fleet?.close();
      await store?.close();
    },
  };
}
