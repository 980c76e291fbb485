import type { Finalizer } from "../control/ports.ts";

/** A file is gone once it is removed: nothing can hold its deletion, and the tuning stays as it is. */
export const freeFinalizer: Finalizer = {
  hold: () => Promise.resolve(),
  release: () => Promise.resolve(),
};
