import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { useStores } from "@mestore/tools/stack/test-stores";
import addFormats from "ajv-formats";
import Ajv2020 from "ajv/dist/2020";
import { migrateFully } from "./app.fixture.ts";
import { seedCatalogue } from "./catalogue.fixture.ts";
import { type ServiceProcess, startService } from "./process.fixture.ts";

/** What the service says of itself at /openapi.json, held against what it does. */
interface Operation {
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, unknown>> }>
  >;
}

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

let service: ServiceProcess;
let description: Description;
let ajv: Ajv2020;

beforeAll(async () => {
  const { postgresUrl, redisUrl } = await useStores();
  await migrateFully(postgresUrl);
  await seedCatalogue(postgresUrl, 300);
  service = await startService({ DATABASE_URL: postgresUrl, REDIS_URL: redisUrl });
  description = (await (await fetch(`${service.url}/openapi.json`)).json()) as Description;
  ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats(ajv);
  ajv.addSchema(description, "openapi");
});
afterAll(() => service.stop());

/** Things of the seed that stand for the parameters of a path, and things that are not there. */
const present: Readonly<Record<string, string>> = {
  "/api/v1/products/{idOrSlug}": "/api/v1/products/42",
  "/api/v1/categories/{slug}": "/api/v1/categories/raiz-2-3",
  "/api/v1/vendors/{slug}": "/api/v1/vendors/vendedor-7",
};

const escapePointer = (part: string) => part.replaceAll("~", "~0").replaceAll("/", "~1");

/** What is wrong with an answer by the description of its route; empty when nothing is. */
async function faultsOf(template: string, response: Response): Promise<readonly string[]> {
  const described = description.paths[template]?.["get"]?.responses[String(response.status)];
  if (described === undefined) return [`${template} has no answer ${response.status}`];
  const mediaType = response.headers.get("content-type")?.split(";")[0] ?? "";
  if (described.content?.[mediaType] === undefined)
    return [`${template} ${response.status} has no ${mediaType}`];
  const text = await response.text();
  const parts = [
    "paths",
    template,
    "get",
    "responses",
    String(response.status),
    "content",
    mediaType,
  ];
  const validate = ajv.compile({
    $ref: `openapi#/${parts.map((part) => encodeURIComponent(escapePointer(part))).join("/")}/schema`,
  });
  const body: unknown = mediaType.endsWith("json") ? JSON.parse(text) : text;
  return validate(body)
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

const templates = () => Object.keys(description.paths);
const cached = () => templates().filter((one) => description.paths[one]?.["get"]?.responses["304"]);
const requested = (template: string) => `${service.url}${present[template] ?? template}`;

describe("the description of the service", () => {
  test("is valid OpenAPI 3.1", async () => {
    const result = await new Validator().validate({ ...structuredClone(description) });
    expect(result.errors ?? []).toEqual([]);
    expect(result.valid).toBe(true);
  });

  test("has every route of the storefront, each with a summary and a group", () => {
    expect(templates()).toEqual(
      expect.arrayContaining([
        "/livez",
        "/readyz",
        "/api/v1/products",
        "/api/v1/products/{idOrSlug}",
        "/api/v1/categories",
        "/api/v1/categories/{slug}",
        "/api/v1/vendors",
        "/api/v1/vendors/{slug}",
        "/api/v1/performance/sla/compliance",
      ]),
    );
    for (const template of templates()) {
      const operation = description.paths[template]?.["get"];
      expect(operation?.summary).toBeString();
      expect(operation?.tags).toHaveLength(1);
    }
  });

  test("is sent with a validator", async () => {
    const { headers } = await fetch(`${service.url}/openapi.json`);
    const again = await fetch(`${service.url}/openapi.json`, {
      headers: { "if-none-match": headers.get("etag") ?? "" },
    });
    expect(again.status).toBe(304);
  });
});

describe("every route that is described", () => {
  test("answers, and its answer fits its schema", async () => {
    for (const template of templates()) {
      const response = await fetch(requested(template));
      expect([template, response.status]).toEqual([template, 200]);
      expect(await faultsOf(template, response)).toEqual([]);
    }
  });

  test("refuses an unknown query key with a problem", async () => {
    const probes = ["/livez", "/readyz"];
    for (const template of templates().filter((one) => !probes.includes(one))) {
      const response = await fetch(`${requested(template)}?utm_source=mail`);
      expect([template, response.status]).toEqual([template, 400]);
      expect(await faultsOf(template, response)).toEqual([]);
    }
  });

  test("with a parameter answers 404 with a problem where there is no such thing", async () => {
    for (const template of Object.keys(present)) {
      const response = await fetch(`${service.url}${template.replace(/\{.*\}/, "no-such-thing")}`);
      expect([template, response.status]).toEqual([template, 404]);
      expect(await faultsOf(template, response)).toEqual([]);
    }
  });

  test("that is cached answers 304 to who holds its bytes, and HEAD with the same headers", async () => {
    expect(cached().length).toBeGreaterThanOrEqual(6);
    for (const template of cached()) {
      const full = await fetch(requested(template));
      const etag = full.headers.get("etag") ?? "";
      const spared = await fetch(requested(template), { headers: { "if-none-match": etag } });
      expect([template, spared.status, await spared.text()]).toEqual([template, 304, ""]);
      const head = await fetch(requested(template), { method: "HEAD" });
      for (const name of ["etag", "cache-control", "content-type", "content-length", "vary"])
        expect([template, head.headers.get(name)]).toEqual([template, full.headers.get(name)]);
      expect(await head.text()).toBe("");
    }
  });

  test("refuses other methods with a problem that says which there are", async () => {
    for (const template of templates()) {
      const response = await fetch(requested(template), { method: "POST" });
      expect([template, response.status]).toEqual([template, 405]);
      expect(response.headers.get("allow")).toStartWith("GET, HEAD");
      expect(await response.json()).toMatchObject({ code: "METHOD_NOT_ALLOWED" });
    }
  });

  test("that is public answers a preflight that browsers may keep, and no other does", async () => {
    for (const template of templates()) {
      const response = await fetch(requested(template), { method: "OPTIONS" });
      const isPublic = cached().includes(template);
      expect([template, response.status]).toEqual([template, isPublic ? 204 : 405]);
      if (isPublic) expect(response.headers.get("access-control-max-age")).toBe("86400");
    }
  });
});

test("a path that is none answers 404 with a problem", async () => {
  const response = await fetch(`${service.url}/api/v1/nothing`);
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({ code: "ROUTE_NOT_FOUND" });
});
