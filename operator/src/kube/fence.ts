import type { Lease } from "./lease.ts";
import type { KubeTransport } from "./transport.ts";

/**
 * The same transport, which sends no write, and repeats none, unless the lease is held: a process that was
 * cut off for longer than its lease, and has not noticed yet, changes nothing. What is on its way when the lease
 * is lost, the version that every write names keeps from harm.
 */
export function fenceWrites(transport: KubeTransport, lease: Pick<Lease, "isHeld">): KubeTransport {
  return {
    ...transport,
    request: (request) =>
      transport.request(
        request.method === "GET" ? request : { ...request, mayBeSent: () => lease.isHeld() },
      ),
  };
}
