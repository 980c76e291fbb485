import type { Context } from "hono";

/** What a proxy in front may send; anything longer or stranger is not taken over into logs. */
const acceptable = /^[\w.:-]{8,128}$/;

const ids = new WeakMap<Request, string>();

/**
 * The id of a request in the logs: the caller's `X-Request-Id`, else a random one. It is made when
 * it is first asked for, since most requests leave no line, and goes on no public answer, where a
 * shared cache would replay it.
 */
export function requestIdOf(c: Context): string {
  const request = c.req.raw;
  let id = ids.get(request);
  if (id === undefined) {
    const given = request.headers.get("x-request-id");
    id = given !== null && acceptable.test(given) ? given : crypto.randomUUID();
    ids.set(request, id);
  }
  return id;
}
