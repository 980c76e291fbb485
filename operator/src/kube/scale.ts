import type { KubeFailure } from "./failure.ts";
import type { KubeObject } from "./objects.ts";
import { createResource, type Resource } from "./resources.ts";
import type { KubeTransport } from "./transport.ts";

export interface Scale extends KubeObject {
  readonly spec?: { readonly replicas?: number };
  readonly status?: { readonly replicas?: number; readonly selector?: string };
}

export interface ScaleReader {
  /** Of anything that has the subresource. */
  read(
    apiVersion: string,
    kind: string,
    namespace: string,
    name: string,
  ): Promise<{ readonly ok: true; readonly scale: Scale } | KubeFailure>;
}

interface ResourceList {
  readonly resources: readonly { readonly name: string; readonly kind: string }[];
}

/** Reads /scale, and asks once for each kind what its collection is called. */
export function createScaleReader(transport: KubeTransport): ScaleReader {
  const plurals = new Map<string, string>();

  async function resourceOf(apiVersion: string, kind: string): Promise<Resource | KubeFailure> {
    const id = `${apiVersion}/${kind}`;
    let plural = plurals.get(id);
    if (plural === undefined) {
      const path = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
      const listed = await transport.request<ResourceList>({ method: "GET", path });
      if (!listed.ok) return listed;
      plural = listed.body.resources.find(
        (one) => one.kind === kind && !one.name.includes("/"),
      )?.name;
      if (plural === undefined)
        return {
          ok: false,
          status: 404,
          reason: "NotFound",
          message: `${apiVersion} has no ${kind}`,
        };
      plurals.set(id, plural);
    }
    return createResource(apiVersion, kind, plural);
  }

  return {
    async read(apiVersion, kind, namespace, name) {
      const resource = await resourceOf(apiVersion, kind);
      if ("ok" in resource) return resource;
      const found = await transport.request<Scale>({
        method: "GET",
        path: resource.objectPath(namespace, name, "scale"),
      });
      return found.ok ? { ok: true, scale: found.body } : found;
    },
  };
}
