import { fieldManager } from "@mestore/contract/performance-profile";
import { expectOk } from "./failure.ts";
import { type KubeList, type KubeObject, mustNotExist, type Observed } from "./objects.ts";
import type { Resource } from "./resources.ts";
import { applyPatch, type KubeTransport } from "./transport.ts";

export interface Application {
  readonly resource: Resource;
  readonly namespace: string;
  readonly name: string;
  readonly subresource?: string;
  /** What was looked at; null: the object must not be there yet. */
  readonly observed: Observed | null;
  /** Besides name and version. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Everything of it that is ours: a field left out is given up. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Takes fields over from whoever has them: for what is nobody's but the operator's. Default false. */
  readonly force?: boolean;
}

/**
 * Server-side apply as `mestore-operator`: owns the fields it names and no other. With the
 * uid and version that were looked at, it meets that object in that state or fails: an object that was
 * deleted meanwhile is not made again.
 * @throws StaleWriteError, FieldManagerConflictError, NotPermittedError, KubeError
 */
export async function applyFields(
  transport: KubeTransport,
  { resource, namespace, name, subresource, observed, metadata, fields, force }: Application,
  signal?: AbortSignal,
): Promise<KubeObject> {
  const result = await transport.request<KubeObject>({
    method: "PATCH",
    path: resource.objectPath(namespace, name, subresource),
    query: { fieldManager, ...(force === true && { force: "true" }) },
    contentType: applyPatch,
    body: {
      apiVersion: resource.apiVersion,
      kind: resource.kind,
      metadata: { name, namespace, ...(observed ?? mustNotExist), ...metadata },
      ...fields,
    },
    ...(signal === undefined ? {} : { signal }),
  });
  const target = subresource === undefined ? resource.plural : `${resource.plural}/${subresource}`;
  return expectOk(result, { verb: "patch", resource: `${target} "${name}" in "${namespace}"` });
}

/**
 * An object as it is now; null where it is gone or cannot be read. A list of one needs no more rights than
 * the watch has.
 */
export async function refetch(
  transport: KubeTransport,
  resource: Resource,
  namespace: string,
  name: string,
): Promise<KubeObject | null> {
  const result = await transport.request<KubeList<KubeObject>>({
    method: "GET",
    path: resource.path(namespace),
    query: { fieldSelector: `metadata.name=${name}` },
  });
  return result.ok ? (result.body.items?.[0] ?? null) : null;
}
