import { afterEach, describe, expect, test } from "bun:test";
import { createAuthority, issueCertificate } from "@mestore/tools/cluster/certificates";
import { createPromqlClient } from "./promql-client.ts";
import type { PrometheusOptions } from "./prometheus.ts";

/** Real HTTP servers whose answers are scripted: what a Prometheus or a proxy before it may say. */
const servers: Bun.Server<undefined>[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop(true)));
});

interface Heard {
  readonly url: string;
  readonly headers: Headers;
  readonly form: URLSearchParams;
}

function serve(
  answer: (heard: Heard) => Response | Promise<Response>,
  tls?: { readonly cert: string; readonly key: string },
) {
  const heard: Heard[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    ...(tls === undefined ? {} : { tls }),
    async fetch(request) {
      const { url, headers } = request;
      const one = { url, headers, form: new URLSearchParams(await request.text()) };
      heard.push(one);
      return answer(one);
    },
  });
  servers.push(server);
  return { origin: server.url.origin, port: server.port ?? 0, heard };
}

const success = (data: object, more: object = {}) =>
  Response.json({ status: "success", data, ...more });
const vector = (...result: object[]) => success({ resultType: "vector", result });
const one = () => vector({ metric: { a: "b" }, value: [100, "1.5"] });

const clientOf = (url: string, options: Partial<PrometheusOptions> = {}) =>
  createPromqlClient({
    url,
    timeoutSeconds: 5,
    matchers: () => [],
    scrapeSeconds: 15,
    expectedPods: () => [],
    allow: ["127.0.0.1"],
    now: () => 0,
    ...options,
  });

const ask = (url: string, options?: Partial<PrometheusOptions>) =>
  clientOf(url, options).query("up", 100.25);

describe("a query", () => {
  test("is a form with the moment and the time it may take, below the base's own path", async () => {
    const server = serve(one);
    const headers = [{ name: "X-Scope-OrgID", value: "shop" }];
    await ask(`${server.origin}/prometheus/`, { headers });
    const [heard] = server.heard;
    expect(heard?.url).toBe(`${server.origin}/prometheus/api/v1/query`);
    expect(Object.fromEntries(heard?.form ?? [])).toEqual({
      query: "up",
      time: "100.250",
      timeout: "5",
    });
    expect(heard?.headers.get("x-scope-orgid")).toBe("shop");
    expect(heard?.headers.get("authorization")).toBeNull();
  });

  test("carries the credentials of that moment", async () => {
    const server = serve(one);
    let token = "first";
    const client = clientOf(server.origin, {
      credentials: () => Promise.resolve({ authorization: `Bearer ${token}` }),
    });
    await client.query("up", 0);
    token = "second";
    await client.query("up", 0);
    expect(server.heard.map(({ headers }) => headers.get("authorization"))).toEqual([
      "Bearer first",
      "Bearer second",
    ]);
  });

  test("without its credentials is not sent", async () => {
    const server = serve(one);
    const missing = { ok: false, reason: "MetricsCredentialsMissing", detail: "no key" } as const;
    expect(await ask(server.origin, { credentials: () => Promise.resolve(missing) })).toEqual(
      missing,
    );
    expect(server.heard).toEqual([]);
  });
});

describe("an answer", () => {
  test("is a vector, a scalar, or what is no number", async () => {
    const values = ["NaN", "+Inf", "-Inf", "1e-3"].map((text) => ({
      metric: {},
      value: [1, text],
    }));
    const server = serve(() => vector(...values));
    expect(await ask(server.origin)).toEqual(
      [Number.NaN, Infinity, -Infinity, 0.001].map((value) => ({ labels: {}, value })),
    );
    const scalar = serve(() => success({ resultType: "scalar", result: [1, "2"] }));
    expect(await ask(scalar.origin)).toEqual([{ labels: {}, value: 2 }]);
  });

  const rejections: readonly (readonly [string, () => Response, string, string])[] = [
    ["500", () => new Response("no", { status: 500 }), "MetricsUnreachable", "answered 500"],
    ["401", () => new Response("no", { status: 401 }), "MetricsUnreachable", "answered 401"],
    ["404", () => new Response("no", { status: 404 }), "MetricsUnreachable", "answered 404"],
    [
      "a query that is refused",
      () =>
        Response.json(
          { status: "error", errorType: "bad_data", error: "unknown function" },
          { status: 400 },
        ),
      "MetricsInvalid",
      "refused: unknown function",
    ],
    [
      "a query that takes too long there",
      () => Response.json({ status: "error", errorType: "timeout", error: "x" }, { status: 503 }),
      "MetricsTimeout",
      "longer than it was given",
    ],
    ["a page of a proxy", () => new Response("<html>"), "MetricsInvalid", "no instant query"],
    ["another API", () => Response.json({ status: "ok" }), "MetricsInvalid", "no instant query"],
    [
      "a matrix",
      () => success({ resultType: "matrix", result: [] }),
      "MetricsInvalid",
      "no instant query",
    ],
    [
      "a part of the answer",
      () => success({ resultType: "vector", result: [] }, { warnings: ["store x is away"] }),
      "MetricsInvalid",
      "may be partial: store x is away",
    ],
    [
      "more than anybody asked for",
      () => new Response(" ".repeat(2048)),
      "MetricsInvalid",
      "larger than 1024 bytes",
    ],
  ];
  for (const [what, answer, reason, detail] of rejections)
    test(`${what}: ${reason}`, async () => {
      const server = serve(answer);
      const result = await ask(server.origin, { maximumBytes: 1024 });
      expect(result).toMatchObject({ ok: false, reason });
      expect("detail" in result && result.detail).toContain(detail);
    });

  test("that does not come, or not to its end: MetricsTimeout", async () => {
    const never = Promise.withResolvers<Response>();
    const silent = serve(() => never.promise);
    const half = serve(
      () =>
        new Response(
          new ReadableStream({
            start: (controller) => controller.enqueue(new TextEncoder().encode("{")),
          }),
        ),
    );
    for (const { origin } of [silent, half])
      expect(await ask(origin, { timeoutSeconds: 0.15 })).toMatchObject({
        reason: "MetricsTimeout",
      });
    never.resolve(new Response(""));
  });

  test("of an older moment says so to nobody: a list of warnings may be null", async () => {
    const server = serve(() =>
      success({ resultType: "vector", result: [] }, { warnings: null, infos: ["not a counter"] }),
    );
    expect(await ask(server.origin)).toEqual([]);
  });
});

describe("where a query goes", () => {
  test("only to addresses that are allowed", async () => {
    const server = serve(one);
    for (const allow of [[], ["prometheus"], [`127.0.0.1:${server.port + 1}`], ["*"], ["*.0.0.1"]])
      expect(await ask(server.origin, { allow })).toMatchObject({
        reason: "MetricsSourceForbidden",
      });
    expect(server.heard).toEqual([]);
  });

  test("not to the operator's own pod by a name that leads there", async () => {
    const server = serve(one);
    const url = `http://localhost:${server.port}`;
    const refused = await ask(url, { allow: ["*"] });
    expect(refused).toMatchObject({ reason: "MetricsSourceForbidden" });
    expect("detail" in refused && refused.detail).toContain("localhost resolves to");
    expect(server.heard).toEqual([]);
    expect(await ask(url, { allow: ["localhost"] })).toHaveLength(1);
    expect(server.heard[0]?.headers.get("host")).toBe(`localhost:${server.port}`);
  });

  test("not where a redirect leads, unless that is allowed", async () => {
    const inner = serve(one);
    const outer = serve(() =>
      Response.redirect(`http://localhost:${inner.port}/api/v1/query`, 307),
    );
    const credentials = () => Promise.resolve({ authorization: "Bearer secret" });
    expect(await ask(outer.origin, { credentials })).toMatchObject({
      reason: "MetricsSourceForbidden",
    });
    expect(inner.heard).toEqual([]);
    const allow = ["127.0.0.1", "localhost"];
    const headers = [{ name: "X-Key", value: "hidden" }];
    expect(await ask(outer.origin, { credentials, headers, allow })).toHaveLength(1);
    expect(outer.heard.at(-1)?.headers.get("x-key")).toBe("hidden");
    expect(inner.heard[0]?.headers.get("x-key")).toBeNull();
    expect(outer.heard[0]?.headers.get("authorization")).toBe("Bearer secret");
    expect(inner.heard[0]?.form.get("query")).toBe("up");
    // Another origin is not told the credentials.
    expect(inner.heard[0]?.headers.get("authorization")).toBeNull();
  });

  test("not around in circles", async () => {
    const server = serve(({ url }) => Response.redirect(url, 302));
    expect(await ask(server.origin)).toMatchObject({ reason: "MetricsUnreachable" });
    expect(server.heard.length).toBeLessThan(6);
  });

  test("a name without an address is unreachable", async () => {
    const result = await ask("http://prometheus.invalid", { allow: ["prometheus.invalid"] });
    expect(result).toMatchObject({ reason: "MetricsUnreachable" });
  });

  test("a refusal never names what was sent", async () => {
    const credentials = () => Promise.resolve({ authorization: "Bearer secret" });
    const headers = [{ name: "X-Key", value: "hidden" }];
    const server = serve(() => new Response("no", { status: 500 }));
    for (const result of [
      await ask(server.origin, { credentials, headers }),
      await ask("http://127.0.0.1:1", { credentials, headers }),
      await ask(server.origin, { credentials, headers, allow: [] }),
    ])
      expect(JSON.stringify(result)).not.toMatch(/secret|hidden/);
  });
});

describe("over TLS", () => {
  test("the server is known by its own authority and its own name, wherever it is", async () => {
    const authority = await createAuthority("test");
    const issued = await issueCertificate(authority, {
      commonName: "prometheus",
      dnsNames: ["localhost"],
    });
    const server = serve(one, { cert: issued.certificate, key: issued.key });
    const url = `https://localhost:${server.port}`;
    const allow = ["localhost", "127.0.0.1"];
    const withCa = { allow, credentials: () => Promise.resolve({ ca: authority.certificate }) };
    expect(await ask(url, withCa)).toHaveLength(1);
    expect(await ask(url, { allow })).toMatchObject({ reason: "MetricsUnreachable" });
    expect(await ask(`https://127.0.0.1:${server.port}`, withCa)).toMatchObject({
      reason: "MetricsUnreachable",
    });
  });
});
