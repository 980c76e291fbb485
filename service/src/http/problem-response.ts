import type { Context } from "hono";
import { publicCorsHeaders, securityHeaders } from "./answer-headers.ts";
import {
  createProblem,
  type ProblemCode,
  type ProblemMembers,
  problemMediaType,
  problemStatuses,
  retryAfterSeconds,
} from "./problem.ts";
import { requestIdOf } from "./request-id.ts";

const headers = {
  "content-type": problemMediaType,
  "cache-control": "no-store",
  ...publicCorsHeaders,
  ...securityHeaders,
} as const;

/** A problem that no cache may keep; a failure of ours names the request in the logs. */
export function sendProblem(c: Context, code: ProblemCode, members: ProblemMembers = {}): Response {
  const status = problemStatuses[code];
  const known = status >= 500 ? { ...members, requestId: requestIdOf(c) } : members;
  return Response.json(createProblem(code, known), {
    status,
    headers: status === 503 ? { ...headers, "retry-after": String(retryAfterSeconds) } : headers,
  });
}
