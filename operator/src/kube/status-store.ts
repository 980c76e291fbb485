import type { StatusStore, Stored } from "../control/ports.ts";
import type { Cache } from "./caches.ts";
import { dropField } from "./crd-version.ts";
import { expectOk } from "./failure.ts";
import { type KubeObject, type Observed, splitKey } from "./objects.ts";
import type { ObservedProfiles } from "./observed-profiles.ts";
import { ownedMetadata, strangerOf } from "./owned-objects.ts";
import { configMaps } from "./resources.ts";
import { applyFields } from "./server-side-apply.ts";
import type { KubeTransport } from "./transport.ts";
import type { WatchedProfile } from "./watched-objects.ts";

export interface KubeStatusStoreOptions<Status, Memory> {
  readonly transport: KubeTransport;
  readonly cache: Cache<WatchedProfile>;
  readonly observed: ObservedProfiles;
  /** Null: not what was saved by this version. */
  readonly parseStatus: (input: unknown) => Status | null;
  readonly parseMemory: (input: unknown) => Memory | null;
  /**
   * Fields of the status that the installed CRD does not know, `status.inFlight.origin`: the server would
   * refuse a status that has them. The memory holds everything all the same.
   */
  readonly unknownFields?: () => readonly string[];
  /** Told of what cannot be used; the loop starts that part afresh. */
  readonly onUnreadable: (place: string, detail: string) => void;
}

/** The loop's memory of a profile, beside the ConfigMap of its document. */
export const memoryConfigMapName = (profile: string): string => `${profile}-memory`;
/** A day of slices is some 120 KB of JSON, and a tenth of that as gzip. */
const memoryKey = "memory.json.gz";

interface KnownMemory {
  readonly observed: Observed | null;
  /** Of the text as last written or read, so that what has not changed is not written again. */
  readonly digest: bigint | null;
  readonly foreignOwner: string | null;
}

/**
 * StatusStore on the status subresource of the profile and on a ConfigMap `<profile>-memory`. The memory
 * goes first: what status says is under way, it can be resumed from. Both are the operator's alone, so that
 * fields which somebody else has written there are taken back; what is another's altogether is left to them.
 */
export function createKubeStatusStore<Status, Memory>(
  options: KubeStatusStoreOptions<Status, Memory>,
): StatusStore<Status, Memory> {
  const { transport, cache, observed } = options;
  const memories = new Map<string, KnownMemory>();

  function loadStatus(key: string): Status | null {
    const profile = cache.get(key);
    if (profile === null || profile.status === null) return null;
    const status = options.parseStatus(profile.status);
    if (status === null) options.onUnreadable(`status of ${key}`, "not what this version writes");
    return status;
  }

  async function loadMemory(key: string): Promise<Omit<Stored<Status, Memory>, "status">> {
    const { namespace, name: profile } = splitKey(key);
    const name = memoryConfigMapName(profile);
    const result = await transport.request<KubeObject & { binaryData?: Record<string, string> }>({
      method: "GET",
      path: configMaps.objectPath(namespace, name),
    });
    if (!result.ok && result.status === 404) {
      memories.set(key, { observed: null, digest: null, foreignOwner: null });
      return { memory: null, foreignOwner: null };
    }
    const place = `configmaps "${name}" in "${namespace}"`;
    const { metadata, binaryData = {} } = expectOk(result, { verb: "get", resource: place });
    const stranger = strangerOf(metadata, profile);
    if (stranger !== null) {
      const foreignOwner = `${stranger} (${place})`;
      memories.set(key, { observed: null, digest: null, foreignOwner });
      return { memory: null, foreignOwner };
    }
    const text = unpack(binaryData[memoryKey]);
    const { uid, resourceVersion } = metadata;
    memories.set(key, {
      observed: { uid, resourceVersion },
      digest: text === null ? null : digestOf(text),
      foreignOwner: null,
    });
    const memory = text === null ? null : options.parseMemory(parseJson(text));
    if (memory === null) options.onUnreadable(place, "not what this version writes");
    return { memory, foreignOwner: null };
  }

  async function saveMemory(key: string, memory: Memory): Promise<void> {
    const text = JSON.stringify(memory);
    if (!memories.has(key)) await loadMemory(key);
    const known = memories.get(key);
    const digest = digestOf(text);
    if (known === undefined || known.foreignOwner !== null || known.digest === digest) return;
    const { namespace, name: profile } = splitKey(key);
    try {
      const { metadata } = await applyFields(transport, {
        resource: configMaps,
        namespace,
        name: memoryConfigMapName(profile),
        observed: known.observed,
        metadata: ownedMetadata(profile, observed.expect(key).uid),
        fields: { binaryData: { [memoryKey]: pack(text) } },
        force: true,
      });
      const { uid, resourceVersion } = metadata;
      memories.set(key, { observed: { uid, resourceVersion }, digest, foreignOwner: null });
    } catch (error) {
      memories.delete(key);
      throw error;
    }
  }

  async function saveStatus(key: string, status: Status): Promise<void> {
    // As the server will hold it: without what JSON does not carry.
    const plain: unknown = JSON.parse(JSON.stringify(status));
    for (const path of options.unknownFields?.() ?? []) dropField({ status: plain }, path);
    if (Bun.deepEquals(cache.get(key)?.status ?? null, plain)) return;
    await observed.apply(key, { subresource: "status", fields: { status: plain }, force: true });
  }

  return {
    async load(key) {
      return { status: loadStatus(key), ...(await loadMemory(key)) };
    },
    async save(key, status, memory) {
      await saveMemory(key, memory);
      await saveStatus(key, status);
    },
    async remove(key) {
      // The status went with the profile; the memory goes by its owner reference.
      memories.delete(key);
    },
  };
}

const digestOf = (text: string): bigint => Bun.hash.xxHash3(text);

function pack(text: string): string {
  return Buffer.from(Bun.gzipSync(text)).toString("base64");
}

/** Null: nothing there, or nothing that can be unpacked. */
function unpack(packed: string | undefined): string | null {
  if (packed === undefined) return null;
  try {
    return new TextDecoder().decode(Bun.gunzipSync(Buffer.from(packed, "base64")));
  } catch {
    return null;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
