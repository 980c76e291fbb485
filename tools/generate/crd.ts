import {
  profileGroup,
  profileKind,
  profileSchema,
  profileSchemaVersion,
  profileVersion,
  schemaVersionAnnotation,
} from "@mestore/contract/performance-profile";
import { namedLists, profileRules } from "@mestore/contract/profile-rules";
import { profileStatusSchema } from "@mestore/contract/profile-status";
import { stringify } from "yaml";
import { z } from "zod";
import {
  adaptSchema,
  type JsonSchema,
  schemaAt,
  type StructuralSchema,
} from "./structural-schema.ts";

/**
 * The CustomResourceDefinition of PerformanceProfile, generated from the contract. This program
 * prints it; a test holds the committed file against it.
 */
const plural = "performanceprofiles";

/** The committed file, from the root of the tree. */
export const crdPath = `charts/mestore-operator/crds/${plural}.${profileGroup}.yaml`;

/**
 * The target stays once a document of the operator is in force on it: its adopted values are put back
 * when the profile is deleted, and would be left behind by another target.
 */
const settledTarget = {
  rule: [
    "self.spec.targetRef == oldSelf.spec.targetRef",
    "!has(oldSelf.status) || !has(oldSelf.status.tuning) || !has(oldSelf.status.tuning.revision)",
    "oldSelf.status.tuning.revision == 0",
  ].join(" || "),
  message:
    "the target stays while it runs a tuning document; delete the profile, which puts the target's own values back, and create another",
  fieldPath: ".spec.targetRef",
};

const columns = [
  ["Mode", "string", ".spec.mode", "Ceiling of every knob's mode."],
  [
    "Ready",
    "string",
    ".status.conditions[?(@.type=='Ready')].status",
    "Accepted, target found, permitted.",
  ],
  ["SLA", "string", ".status.summary.sla", "Objectives that are met, of all."],
  [
    "Knob",
    "string",
    ".status.summary.knob",
    "Of the change on its way, else of the last decision.",
  ],
  ["Last action", "string", ".status.summary.lastAction", "What became of the last decision."],
  ["Age", "date", ".metadata.creationTimestamp", undefined],
] as const;

/** The whole CustomResourceDefinition as an object. */
export function createCrd() {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: `${plural}.${profileGroup}`,
      annotations: { [schemaVersionAnnotation]: String(profileSchemaVersion) },
    },
    spec: {
      group: profileGroup,
      scope: "Namespaced",
      names: {
        kind: profileKind,
        listKind: `${profileKind}List`,
        plural,
        singular: plural.slice(0, -1),
        shortNames: ["mperf"],
        categories: ["mestore"],
      },
      versions: [
        {
          name: profileVersion,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns.map(([name, type, jsonPath, description]) => ({
            name,
            type,
            jsonPath,
            ...(description === undefined ? {} : { description }),
          })),
          schema: { openAPIV3Schema: createProfileSchema() },
        },
      ],
    },
  };
}

function createProfileSchema(): StructuralSchema {
  const profile: StructuralSchema = {
    description: "What the operator is asked to keep, and what it may turn to keep it.",
    type: "object",
    required: ["spec"],
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { type: "object" },
      spec: adaptSchema(jsonSchemaOf(profileSchema.shape.spec)),
      status: loosenStatus(adaptSchema(jsonSchemaOf(profileStatusSchema))),
    },
    "x-kubernetes-validations": [
      {
        rule: "size(self.metadata.name) <= 63",
        message: "the name becomes a label's value and has at most 63 characters",
      },
      settledTarget,
    ],
  };
  for (const { path, field, cel, message } of profileRules) {
    const schema = schemaAt(profile, path);
    (schema["x-kubernetes-validations"] ??= []).push({
      rule: cel,
      message,
      ...(field === undefined ? {} : { fieldPath: `.${field}` }),
    });
  }
  for (const path of namedLists) {
    if (schemaAt(profile, path)["x-kubernetes-list-type"] !== "map")
      throw new Error(`${path.join(".")} is no list by name`);
  }
  return profile;
}

function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: "input" }) as JsonSchema;
}

/**
 * Helm does not upgrade a CRD, so a newer operator writes its status under this one: what it adds
 * is pruned, but a new word of an enumeration or a field that it no longer writes would be refused.
 */
function loosenStatus(schema: StructuralSchema, keys: readonly string[] = []): StructuralSchema {
  if (schema.enum !== undefined && !schema.enum.includes("Unknown")) delete schema.enum;
  if (keys.length > 0) schema.required = [...keys];
  else delete schema.required;
  for (const inner of Object.values(schema.properties ?? {})) loosenStatus(inner);
  if (schema.items !== undefined) loosenStatus(schema.items, schema["x-kubernetes-list-map-keys"]);
  return schema;
}

if (import.meta.main)
  process.stdout.write(
    `# Generated from packages/contract: bun tools/generate/crd.ts\n${stringify(createCrd(), { aliasDuplicateObjects: false })}`,
  );
