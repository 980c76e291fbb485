import {
  profileAnnotations,
  profileLabel,
  tuningConfigMapName,
  tuningDocumentKey,
} from "@mestore/contract/performance-profile";
import { formatTuningDocument, parseTuningDocument } from "@mestore/contract/tuning-document";
import { formatFaults } from "@mestore/contract/fault";
import type { Logger } from "@mestore/telemetry/logger";
import { z } from "zod";
import type { Delivered, TuningDelivery } from "../control/ports.ts";
import type { Cache } from "./caches.ts";
import { expectOk, FieldManagerConflictError } from "./failure.ts";
import { type KubeObject, keyOf, type Observed, splitKey } from "./objects.ts";
import type { ObservedProfiles } from "./observed-profiles.ts";
import { ownedMetadata, strangerOf } from "./owned-objects.ts";
import { configMaps } from "./resources.ts";
import { applyFields } from "./server-side-apply.ts";
import type { KubeTime } from "./time.ts";
import type { KubeTransport } from "./transport.ts";
import type { WatchedConfigMap, WatchedProfile } from "./watched-objects.ts";

export interface TuningConfigMapOptions {
  readonly transport: KubeTransport;
  readonly cache: Cache<WatchedConfigMap>;
  readonly profiles: Pick<Cache<WatchedProfile>, "onChange">;
  readonly observed: ObservedProfiles;
  readonly time: Pick<KubeTime, "monotonicSeconds">;
  readonly logger: Logger;
  /** Told of each document that is in place, so that pods may be told sooner than kubelet looks. */
  readonly onWritten?: (key: string, revision: number) => void;
}

/** TuningDelivery that also tells whose document was changed by somebody else. */
export interface TuningConfigMap extends TuningDelivery {
  readonly onChange: (listener: (key: string) => void) => void;
}

const adoptedSchema = z.record(z.string(), z.number().positive());

/**
 * How long an unlabelled ConfigMap of the same name is believed to be absent: the watch sees only
 * labelled ones, and a look costs a request. A write finds out at once, since it must create.
 */
const absentSeconds = 600;
/** How long one of somebody else's is believed to be there: its owner waits for us once it is gone. */
const strangerSeconds = 60;

interface Look {
  readonly atSeconds: number;
  readonly stranger: string | null;
}

const validSeconds = ({ stranger }: Look) => (stranger === null ? absentSeconds : strangerSeconds);

/** What is remembered of the ConfigMap of one profile between passes. */
interface Known {
  /** What the next write builds on; null: that there is none. Undefined before the first look. */
  observed?: Observed | null;
  /** Where the watch sees none. */
  look?: Look;
  /** A write may have come through or still come: the watch need not have told of it yet. */
  isUnsure?: boolean;
  /** Who has which field of ours in this version of it. */
  conflict?: { readonly resourceVersion: string; readonly owner: string };
}

/**
 * TuningDelivery on a ConfigMap `<profile>-tuning`, whose directory the target mounts. Only the document,
 * our labels and the note of what was adopted are ours.
 */
export function createTuningConfigMap(options: TuningConfigMapOptions): TuningConfigMap {
  const { transport, cache, time, logger } = options;
  const everKnown = new Map<string, Known>();
  options.profiles.onChange(({ key, after }) => {
    if (after === null) everKnown.delete(key);
  });

  function knownOf(key: string): Known {
    const known = everKnown.get(key) ?? {};
    everKnown.set(key, known);
    return known;
  }

  const placeOf = (key: string) => {
    const { namespace, name: profile } = splitKey(key);
    return { namespace, profile, name: tuningConfigMapName(profile) };
  };

  /** What the watch knows; where it knows nothing, whether there is one that it cannot see. */
  async function find(
    key: string,
  ): Promise<WatchedConfigMap | { readonly stranger: string | null }> {
    const { namespace, name, profile } = placeOf(key);
    const mapKey = keyOf({ namespace, name });
    const known = knownOf(key);
    const now = time.monotonicSeconds();
    if (known.isUnsure !== true) {
      const watched = cache.get(mapKey);
      if (watched !== null) return watched;
      const { look } = known;
      if (look !== undefined && now - look.atSeconds < validSeconds(look)) return look;
    }
    const result = await transport.request<KubeObject>({
      method: "GET",
      path: configMaps.objectPath(namespace, name),
    });
    const note = (stranger: string | null): Look => {
      known.isUnsure = false;
      known.look = { atSeconds: now, stranger };
      return known.look;
    };
    if (!result.ok && result.status === 404) return note(null);
    const purpose = { verb: "get", resource: `configmaps "${name}" in "${namespace}"` };
    const object = expectOk(result, purpose);
    const stranger = strangerOf(object.metadata, profile);
    const look = note(stranger);
    if (stranger !== null) return look;
    cache.absorb(object);
    return cache.get(mapKey) ?? look;
  }

  async function read(key: string): Promise<Delivered> {
    const found = await find(key);
    const known = knownOf(key);
    if (!("document" in found)) {
      known.observed = null;
      return { document: null, adopted: null, foreignOwner: found.stranger };
    }
    const { uid, resourceVersion } = found.metadata;
    known.observed = { uid, resourceVersion };
    const [otherWriter] = found.otherWriters;
    // Whoever has a field of ours may give it up: each new version of the object is tried again.
    const { conflict } = known;
    const holder = conflict?.resourceVersion === resourceVersion ? conflict.owner : null;
    return {
      document: parseDocument(key, found),
      adopted: parseAdopted(found),
      foreignOwner: strangerOf(found.metadata, placeOf(key).profile) ?? otherWriter ?? holder,
    };
  }

  function parseDocument(key: string, { document }: WatchedConfigMap) {
    if (document === null) return null;
    const parsed = parseTuningDocument(document);
    if (parsed.ok) return parsed.value;
    const detail = formatFaults(parsed.faults);
    logger.warn({ profile: key, detail }, "the ConfigMap holds no tuning document");
    return null;
  }

  return {
    read,

    async write(key, document, adopted) {
      const { namespace, name, profile } = placeOf(key);
      if (knownOf(key).observed === undefined) await read(key);
      const known = knownOf(key);
      const seen = known.observed ?? null;
      const annotations =
        adopted === null ? {} : { [profileAnnotations.adopted]: JSON.stringify(adopted) };
      try {
        const written = await applyFields(transport, {
          resource: configMaps,
          namespace,
          name,
          observed: seen,
          metadata: {
            ...ownedMetadata(profile, options.observed.expect(key).uid),
            annotations,
          },
          fields: { data: { [tuningDocumentKey]: formatTuningDocument(document) } },
        });
        cache.absorb(written);
        const { uid, resourceVersion } = written.metadata;
        known.observed = { uid, resourceVersion };
      } catch (error) {
        delete known.observed;
        // Whoever was first may be one that the watch does not see, or has not seen yet.
        known.isUnsure = true;
        if (error instanceof FieldManagerConflictError && seen !== null) {
          const { resourceVersion } = seen;
          known.conflict = { resourceVersion, owner: error.owner };
        }
        throw error;
      }
      options.onWritten?.(key, document.revision);
    },

    onChange(listener) {
      cache.onChange(({ before, after }) => {
        const metadata = (after ?? before)?.metadata;
        const profile = metadata?.labels?.[profileLabel];
        if (profile !== undefined && metadata?.name === tuningConfigMapName(profile))
          listener(keyOf({ namespace: metadata.namespace ?? "", name: profile }));
      });
    },
  };
}

function parseAdopted({ metadata }: WatchedConfigMap): Readonly<Record<string, number>> | null {
  const text = metadata.annotations?.[profileAnnotations.adopted];
  if (text === undefined) return null;
  try {
    const parsed = adoptedSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
