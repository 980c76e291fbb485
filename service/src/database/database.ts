import { type QueryClass, serviceMetrics } from "@mestore/contract/metrics";
import type { Logger } from "@mestore/telemetry/logger";
import type { Cell, Distribution, Registry } from "@mestore/telemetry/registry";
import postgres from "postgres";
import {
  classifyDatabaseError,
  DatabaseTimeoutError,
  DatabaseUnavailableError,
  errorCode,
} from "./fault.ts";

export type Parameter = string | number | boolean | null;

/** One SQL statement. Its name is a metric label: the code lists them, a request never makes one. */
export interface Statement {
  readonly name: string;
  readonly queryClass: QueryClass;
  readonly text: string;
  readonly parameters: readonly Parameter[];
  /**
   * False for text that is put together per request: every shape would stay prepared in every
   * backend for as long as its connection lives. Default true.
   */
  readonly prepared?: boolean;
}

/** The one way to PostgreSQL for everything that answers requests. */
export interface Database {
  /**
   * Runs one statement; columns come as camelCase, bigint and numeric as strings.
   * @throws DatabaseUnavailableError, DatabaseTimeoutError; any other error is a fault of the statement.
   */
  query<Row extends object>(statement: Statement): Promise<readonly Row[]>;
  /** False from the moment that no connection can be made until a statement succeeds again. */
  isReachable(): boolean;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  readonly registry: Registry;
  readonly logger: Logger;
  /** Milliseconds that never go back. */
  readonly monotonicMs: () => number;
  /** Default `poolSize`. */
  readonly connections?: number;
}

/** Connections of one process: twice the cores of a small database server (HikariCP, "About Pool Sizing"). */
export const poolSize = 10;

/** The server ends a statement after this long; the objective of the slowest class is 500 ms. */
export const statementTimeoutMs = 3000;

/** A server that answered nobody for this long is taken for hung; above the statement timeout by a network's delay. */
export const answerDeadlineMs = statementTimeoutMs + 1000;

/** A connection that is not made by then is not coming; a new one takes milliseconds. */
const connectTimeoutSeconds = 2;

/**
 * Statements that may wait per connection. At 10 ms each the last waits 0.3 s; a longer queue would
 * only be answered when nobody waits for it any more.
 */
const waitingPerConnection = 32;

/** While the server is away, one statement at a time tries it, at most this often. */
const probePauseMs = 100;

/** Connects when the first statement comes; never fails by itself. */
export function createDatabase(options: DatabaseOptions): Database {
  const { registry, logger, monotonicMs, connections = poolSize } = options;
  const observe = createObserver(registry);
  let client = connect();
  let reachable = true;
  let running = 0;
  let probing = false;
  let lastProbeMs = Number.NEGATIVE_INFINITY;
  let lastAnswerMs = Number.NEGATIVE_INFINITY;

  function connect() {
    // Not a literal in the call: the driver's types lack max_pipeline.
    const settings = {
      max: connections,
      // One statement a connection at a time: by default a slow one delays up to 100 behind it.
      max_pipeline: 0,
      fetch_types: false,
      connect_timeout: connectTimeoutSeconds,
      // A lost connection is made again by the next statement; probing decides how often.
      backoff: () => 0,
      onnotice: () => {},
      transform: { column: { from: postgres.toCamel } },
      connection: { application_name: "mestore", statement_timeout: statementTimeoutMs },
    };
    return postgres(options.url, settings);
  }

  function markUnreachable(error: unknown): void {
    if (!reachable) return;
    reachable = false;
    logger.warn({ code: errorCode(error), reason: messageOf(error) }, "database is unreachable");
  }

  function markAnswered(): void {
    lastAnswerMs = monotonicMs();
    if (reachable) return;
    reachable = true;
    logger.info("database is reachable again");
  }

  /** Drops every connection and all that waits for one; those statements end as `lost`. */
  function replaceClient(hung: postgres.Sql): void {
    if (client !== hung) return;
    client = connect();
    void hung.end({ timeout: 0 });
  }

  async function run<Row extends object>(statement: Statement): Promise<readonly Row[]> {
    const used = client;
    const startedMs = monotonicMs();
    let timer: Timer | undefined;
    const overdue = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        if (lastAnswerMs > startedMs) {
          reject(
            new DatabaseTimeoutError(`${statement.name} had no turn in ${answerDeadlineMs} ms`),
          );
          return;
        }
        reject(new DatabaseUnavailableError(`no answer in ${answerDeadlineMs} ms`));
        markUnreachable(new Error(`no answer in ${answerDeadlineMs} ms`));
        replaceClient(used);
      }, answerDeadlineMs);
    });
    try {
      running += 1;
      const answer = used
        .unsafe<Row[]>(statement.text, [...statement.parameters], {
          prepare: statement.prepared ?? true,
        })
        .then((rows) => {
          markAnswered();
          return rows;
        })
        .catch((error: unknown) => {
          throw explain(statement, error);
        })
        .finally(() => {
          running -= 1;
        });
      return await Promise.race([answer, overdue]);
    } finally {
      clearTimeout(timer);
    }
  }

  function explain(statement: Statement, error: unknown): Error {
    const fault = classifyDatabaseError(error);
    if (fault === "unreachable") {
      markUnreachable(error);
      return new DatabaseUnavailableError(messageOf(error), { cause: error });
    }
    if (fault === "lost") return new DatabaseUnavailableError(messageOf(error), { cause: error });
    markAnswered();
    if (fault === "timeout")
      return new DatabaseTimeoutError(`${statement.name}: ${messageOf(error)}`, { cause: error });
    return error instanceof Error ? error : new Error(String(error));
  }

  async function guarded<Row extends object>(statement: Statement): Promise<readonly Row[]> {
    if (running >= connections * (1 + waitingPerConnection))
      throw new DatabaseTimeoutError(`${running} statements are waiting already`);
    if (reachable) return run<Row>(statement);
    const nowMs = monotonicMs();
    if (probing || nowMs - lastProbeMs < probePauseMs)
      throw new DatabaseUnavailableError("the database was unreachable a moment ago");
    probing = true;
    lastProbeMs = nowMs;
    try {
      return await run<Row>(statement);
    } finally {
      probing = false;
    }
  }

  return {
    async query<Row extends object>(statement: Statement) {
      const startedMs = monotonicMs();
      try {
        return await guarded<Row>(statement);
      } catch (error) {
        observe.failed(statement);
        throw error;
      } finally {
        observe.took(statement, (monotonicMs() - startedMs) / 1000);
      }
    },
    isReachable: () => reachable,
    close: () => client.end({ timeout: 1 }),
  };
}

/** Times and counts every statement, refused ones too: what a request waited for is what counts. */
function createObserver(registry: Registry) {
  const durations = new Map<string, Distribution>();
  const errors = new Map<QueryClass, Cell>();
  const errorsOf = (queryClass: QueryClass) => {
    let cell = errors.get(queryClass);
    if (cell === undefined) {
      cell = registry.cell(serviceMetrics.queryErrors, { mestore_query_class: queryClass });
      errors.set(queryClass, cell);
    }
    return cell;
  };
  return {
    took({ name, queryClass }: Statement, seconds: number): void {
      let duration = durations.get(name);
      if (duration === undefined) {
        duration = registry.distribution(serviceMetrics.queryDuration, {
          db_operation_name: name,
          mestore_query_class: queryClass,
        });
        durations.set(name, duration);
      }
      duration.observe(seconds);
    },
    failed: ({ queryClass }: Statement): void => errorsOf(queryClass).add(1),
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
