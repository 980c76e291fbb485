import { NotPermittedError, StaleWriteError } from "../control/ports.ts";
import type { Deadline } from "./deadline.ts";
import type { KubeResult } from "./transport.ts";

/** Why a request came to nothing. */
export interface KubeFailure {
  readonly ok: false;
  /** HTTP status; 0 where no answer came. */
  readonly status: number;
  /**
   * `reason` of the server's Status (`NotFound`, `Conflict`, `Forbidden`, `Expired`, …), or where there
   * is none: `Timeout`, `Unreachable`, `GivenUp`, `Unknown`; `NotLeader` for a write that was not sent.
   */
  readonly reason: string;
  readonly message: string;
  /** `details.causes` of the Status, where it has any. */
  readonly causes?: readonly StatusCause[];
}

/** `StatusCause` of k8s.io/apimachinery/pkg/apis/meta/v1. */
export interface StatusCause {
  readonly reason: string;
  readonly message: string;
  /** The field at fault, `.metadata.labels.app`; empty where it is about none. */
  readonly field: string;
}

/**
 * Server-side apply met fields of other managers. To look again does not help until the object has
 * changed: whoever catches it has to remember whose it is.
 */
export class FieldManagerConflictError extends StaleWriteError {
  override readonly name = "FieldManagerConflictError";
  /** For people: `helm (.metadata.labels.app)`. */
  readonly owner: string;

  constructor(message: string, owner: string) {
    super(message);
    this.owner = owner;
  }
}

/** A request failed in a way that no decision follows from; the next pass tries again. */
export class KubeError extends Error {
  override readonly name = "KubeError";
  readonly failure: KubeFailure;

  constructor(what: string, failure: KubeFailure) {
    super(`${what}: ${describeFailure(failure)}`);
    this.failure = failure;
  }
}

/** What a request is for, as the messages of errors name it: `patch`, `configmaps "a" in "shop"`. */
export interface Purpose {
  readonly verb: string;
  readonly resource: string;
}

/**
 * The body of what succeeded. What failed is thrown as the ports know it.
 * @throws FieldManagerConflictError where another manager has a field
 * @throws StaleWriteError on every other conflict, and on a write to what is gone
 * @throws NotPermittedError where the role lacks the verb
 * @throws KubeError
 */
export function expectOk<T>(result: KubeResult<T>, { verb, resource }: Purpose): T {
  if (result.ok) return result.body;
  const what = `cannot ${verb} ${resource}`;
  const message = `${what}: ${describeFailure(result)}`;
  if (result.status === 403) throw new NotPermittedError(message);
  const owner = conflictingManager(result);
  if (owner !== null) throw new FieldManagerConflictError(message, owner);
  const stale = result.status === 409 || result.reason === "NotLeader";
  if (stale || (result.status === 404 && verb !== "get" && verb !== "list"))
    throw new StaleWriteError(message);
  throw new KubeError(what, result);
}

/** `CauseTypeFieldManagerConflict` of the same package. */
const managerCause = "FieldManagerConflict";

/** Null: the server says nothing about managers. */
function conflictingManager({ causes = [] }: KubeFailure): string | null {
  const cause = causes.find(({ reason }) => reason === managerCause);
  if (cause === undefined) return null;
  const manager = /conflict with "([^"]+)"/.exec(cause.message)?.[1] ?? "unknown";
  return `${manager} (${cause.field})`;
}

export function describeFailure({ status, reason, message }: KubeFailure): string {
  return `${status === 0 ? reason : `${status} ${reason}`}: ${message}`;
}

interface StatusBody {
  readonly reason?: unknown;
  readonly message?: unknown;
  readonly details?: { readonly causes?: readonly Partial<StatusCause>[] };
}

/** The API server explains itself in a Status object; proxies in between do not. */
export function failureOfBody(status: number, text: string): KubeFailure {
  let body: StatusBody = {};
  try {
    body = (JSON.parse(text) as StatusBody | null) ?? {};
  } catch {
    body = { message: text };
  }
  const reason =
    typeof body.reason === "string" && body.reason !== "" ? body.reason : reasonOf(status);
  const message = typeof body.message === "string" ? body.message : text;
  const causes = (body.details?.causes ?? []).map(
    ({ reason: why = "", message = "", field = "" }) => ({
      reason: why,
      message,
      field,
    }),
  );
  return {
    ...{ ok: false, status, reason },
    message: message.trim().slice(0, mostMessageCharacters),
    ...(causes.length > 0 && { causes }),
  };
}

const mostMessageCharacters = 1000;

function reasonOf(status: number): string {
  const known: Readonly<Record<number, string>> = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    429: "TooManyRequests",
  };
  return known[status] ?? "Unknown";
}

/** No answer came, or not the whole of it. */
export function noAnswer(error: unknown, deadline: Deadline): KubeFailure {
  const message = error instanceof Error ? error.message : String(error);
  if (deadline.isOver()) return { ok: false, status: 0, reason: "Timeout", message };
  const reason = deadline.signal.aborted ? "GivenUp" : "Unreachable";
  return { ok: false, status: 0, reason, message };
}
