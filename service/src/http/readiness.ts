/** What is known when somebody asks whether this process should get requests. */
export interface ReadinessInputs {
  readonly draining: boolean;
  /** Whether what is done once before the first request is done. */
  readonly prepared: boolean;
  readonly database: "up" | "down";
  /** Version that the database said last, null if it was never reached. */
  readonly schemaVersion: number | null;
  /** Version that this code needs. */
  readonly requiredSchemaVersion: number;
  /** `absent`: no shared layer is configured. */
  readonly cache: "up" | "down" | "absent";
}

export interface ReadinessReport {
  /**
   * `degraded`: a store is away and what is cached is served on; `starting`: the database was never
   * reached, or the process still prepares itself; `schemaBehind`: the migrations have not been applied.
   */
  readonly status: "ready" | "degraded" | "starting" | "schemaBehind" | "draining";
  readonly dependencies: {
    readonly database: {
      readonly state: "up" | "down";
      readonly schemaVersion?: number;
      readonly requiredSchemaVersion: number;
    };
    readonly cache: { readonly state: "up" | "down" | "absent" };
  };
}

/** Whether a load balancer should send requests here. */
export function isReady({ status }: ReadinessReport): boolean {
  return status === "ready" || status === "degraded";
}

/**
 * A store that goes away makes no process unready: all of them share it, and none could serve the
 * cached pages that each can serve now. A schema ahead of the code is fine (`decideNextMigration`).
 */
export function decideReadiness(inputs: ReadinessInputs): ReadinessReport {
  const { draining, prepared, database, schemaVersion, requiredSchemaVersion, cache } = inputs;
  const dependencies = {
    database: {
      state: database,
      ...(schemaVersion === null ? {} : { schemaVersion }),
      requiredSchemaVersion,
    },
    cache: { state: cache },
  } as const;
  const status = () => {
    if (draining) return "draining";
    if (schemaVersion === null) return "starting";
    if (schemaVersion < requiredSchemaVersion) return "schemaBehind";
    if (!prepared) return "starting";
    return database === "down" || cache === "down" ? "degraded" : "ready";
  };
  return { status: status(), dependencies };
}

export interface ReadinessOptions {
  /** Asks the database for the version of its schema; rejects when there is no answer. */
  readonly loadSchemaVersion: () => Promise<number>;
  readonly requiredSchemaVersion: number;
  /** Called once, as soon as the schema fits; not ready before it has ended. Never rejects. Default: nothing is to be done. */
  readonly prepare?: () => Promise<void>;
  readonly cacheState: () => ReadinessInputs["cache"];
  readonly isDraining: () => boolean;
  /** Milliseconds that never go back. */
  readonly monotonicMs: () => number;
}

export interface Readiness {
  report(): Promise<ReadinessReport>;
}

/** However often it is probed, the database is asked once in this time. */
const askPauseMs = 1000;

/** Kubernetes gives a probe one second by default; an answer that says "down" must come before. */
const answerWithinMs = 500;

/** Asks when it is asked: a process that nobody probes sends the database nothing. */
export function createReadiness(options: ReadinessOptions): Readiness {
  const { loadSchemaVersion, requiredSchemaVersion, cacheState, isDraining, monotonicMs } = options;
  let prepared = options.prepare === undefined;
  let preparing = false;
  let schemaVersion: number | null = null;
  let database: "up" | "down" = "down";
  let asking: Promise<void> | null = null;
  let askedMs = Number.NEGATIVE_INFINITY;

  async function ask(): Promise<void> {
    try {
      schemaVersion = await loadSchemaVersion();
      database = "up";
      if (schemaVersion >= requiredSchemaVersion) void prepareOnce();
    } catch {
      database = "down";
    } finally {
      asking = null;
    }
  }

  async function prepareOnce(): Promise<void> {
    if (preparing) return;
    preparing = true;
    await options.prepare?.();
    prepared = true;
  }

  async function refresh(): Promise<void> {
    if (asking === null) {
      const settled = database === "up" && schemaVersion !== null;
      const behind = schemaVersion !== null && schemaVersion < requiredSchemaVersion;
      // Whoever waits for a start or a recovery asks often and should hear of it at once.
      if (settled && !behind && monotonicMs() - askedMs < askPauseMs) return;
      askedMs = monotonicMs();
      asking = ask();
    }
    let timer: Timer | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(() => resolve("late"), answerWithinMs);
    });
    if ((await Promise.race([asking, late])) === "late") database = "down";
    clearTimeout(timer);
  }

  return {
    async report() {
      if (!isDraining()) await refresh();
      return decideReadiness({
        draining: isDraining(),
        prepared,
        database,
        schemaVersion,
        requiredSchemaVersion,
        cache: cacheState(),
      });
    },
  };
}
