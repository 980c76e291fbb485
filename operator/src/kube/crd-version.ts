import { z } from "zod";
import { profileKind } from "@mestore/contract/performance-profile";
import { describeFailure } from "./failure.ts";
import { profiles } from "./resources.ts";
import type { KubeTransport } from "./transport.ts";

/** A JSON schema as far as its fields go. */
interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly additionalProperties?: Schema | boolean;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
}

/** Paths of all fields, `spec.cache.classes[].name`; a list's entries share theirs. */
export function fieldPaths(schema: unknown, prefix = ""): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (one: Schema, path: string): void => {
    for (const [name, field] of Object.entries(one.properties ?? {})) {
      const own = path === "" ? name : `${path}.${name}`;
      found.add(own);
      visit(field, own);
    }
    if (one.items !== undefined) visit(one.items, `${path}[]`);
    for (const part of [...(one.anyOf ?? []), ...(one.oneOf ?? []), ...(one.allOf ?? [])])
      visit(part, path);
  };
  visit(schema as Schema, prefix);
  return found;
}

export type CrdReading =
  | { readonly ok: true; readonly missing: readonly string[] }
  | { readonly ok: false; readonly reason: "NotInstalled" | "Unreadable"; readonly detail: string };

interface OpenApi {
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

/**
 * Which fields of `known` the served CRD lacks. Helm never upgrades CRDs, so an operator may well meet one
 * of an earlier release, which drops what it does not know from every profile and status.
 * @param known paths of `spec` and `status`, see `fieldPaths`
 */
export async function readCrd(
  transport: KubeTransport,
  known: Iterable<string>,
): Promise<CrdReading> {
  const result = await transport.request<OpenApi>({
    method: "GET",
    path: `/openapi/v3/apis/${profiles.apiVersion}`,
  });
  if (!result.ok) {
    const reason = result.status === 404 ? "NotInstalled" : "Unreadable";
    return { ok: false, reason, detail: describeFailure(result) };
  }
  const schemas = Object.entries(result.body.components?.schemas ?? {});
  const served = schemas.find(([name]) => name.endsWith(`.${profileKind}`))?.[1];
  if (served === undefined)
    return { ok: false, reason: "NotInstalled", detail: `no schema of ${profileKind} is served` };
  const paths = fieldPaths(served);
  return { ok: true, missing: [...known].filter((path) => !paths.has(path)).sort() };
}

/** Fields of a zod schema that the API server would have to know. */
export function zodFieldPaths(schema: z.ZodType, prefix: string): ReadonlySet<string> {
  return fieldPaths(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }), prefix);
}

/** Takes the field at `path`, written as by `fieldPaths`, out of `value`, from every entry of a list. */
export function dropField(value: unknown, path: string): void {
  if (typeof value !== "object" || value === null) return;
  const [first = "", ...rest] = path.split(".");
  const isList = first.endsWith("[]");
  const name = isList ? first.slice(0, -2) : first;
  const fields = value as Record<string, unknown>;
  if (rest.length === 0) delete fields[name];
  else if (!isList) dropField(fields[name], rest.join("."));
  else if (Array.isArray(fields[name]))
    for (const entry of fields[name]) dropField(entry, rest.join("."));
}
