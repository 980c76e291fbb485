import type { EventSink } from "../control/ports.ts";

/** There are no events outside Kubernetes; the log tells the same. */
export const logOnly: EventSink = { publish: () => undefined };
