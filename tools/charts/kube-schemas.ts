import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ApiClient } from "../cluster/api-client.ts";

/** A JSON schema as the API server publishes it. */
type Schema = Record<string, unknown>;

interface KindOfSchema {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

interface OpenApi {
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** Where kubeconform finds a schema below the directory, in the template language of its flag. */
export const schemaLocation = "{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json";

/**
 * Writes the schemas of every kind that an API server serves, those of its CRDs too, for kubeconform:
 * the schemas of this very version, without any download.
 */
export async function writeKubeSchemas(client: ApiClient, directory: string): Promise<void> {
  // These come as text/plain, which `request` leaves as it is.
  const read = async (path: string) => (await client.fetch("GET", path)).json();
  const { paths } = (await read("/openapi/v3")) as {
    paths: Record<string, { serverRelativeURL: string }>;
  };
  for (const [name, { serverRelativeURL }] of Object.entries(paths)) {
    if (!/^apis?\/.*v\d/.test(name)) continue;
    const { components } = (await read(serverRelativeURL)) as OpenApi;
    const closed = { components: { schemas: closeObjects(components.schemas) } };
    for (const [own, schema] of Object.entries(components.schemas))
      for (const { group, version, kind } of kindsOf(schema)) {
        // kubeconform calls the core group by its version.
        const folder = join(directory, group || version);
        mkdirSync(folder, { recursive: true });
        writeFileSync(
          join(folder, `${kind.toLowerCase()}_${version}.json`),
          JSON.stringify({ $ref: `#/components/schemas/${own}`, ...closed }),
        );
      }
  }
}

const kindsOf = (schema: Schema): readonly KindOfSchema[] =>
  (schema["x-kubernetes-group-version-kind"] ?? []) as KindOfSchema[];

/** The API server drops a field that it does not know, with a warning; here it is a fault. */
function closeObjects<Node>(node: Node): Node {
  if (Array.isArray(node)) return node.map(closeObjects) as Node;
  if (typeof node !== "object" || node === null) return node;
  const inner = Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, closeObjects(value as unknown)]),
  );
  const open =
    inner["x-kubernetes-preserve-unknown-fields"] === true || "additionalProperties" in inner;
  const closes = inner["type"] === "object" && typeof inner["properties"] === "object" && !open;
  return (closes ? { ...inner, additionalProperties: false } : inner) as Node;
}
