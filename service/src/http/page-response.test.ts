import { describe, expect, test } from "bun:test";
import { Hono } from "hono";
import type { PageAnswer } from "../cache/index.ts";
import { answerPage, sendPage } from "./page-response.ts";
import { createFoundPage, createMissingPage } from "./pages.ts";

const found = createFoundPage(
  { id: "42", brand: null },
  { language: "es", tags: ["product:42", "vendor:7"] },
);
const missing = createMissingPage("PRODUCT_NOT_FOUND", "no product on sale is 43");

function answerOf({ page }: typeof found, ageSeconds = 3.9): PageAnswer {
  return { page, outcome: "hit", layer: "l1", ageSeconds };
}

const app = new Hono()
  .get("/found", (c) => sendPage(c, answerOf(found)))
  .get("/missing", (c) => sendPage(c, answerOf(missing)));

describe("a page that was found", () => {
  test("goes out with validators, lifetimes and surrogate keys", async () => {
    const response = await app.request("/found");
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('{"id":"42"}');
    expect(Object.fromEntries(response.headers)).toEqual({
      "access-control-allow-origin": "*",
      "access-control-expose-headers": "ETag, Age",
      age: "3",
      "cache-control":
        "public, max-age=30, s-maxage=60, stale-while-revalidate=60, stale-if-error=300",
      "content-language": "es",
      "content-length": "11",
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      "content-type": "application/json; charset=utf-8",
      "cross-origin-resource-policy": "cross-origin",
      etag: found.page.etag,
      "referrer-policy": "no-referrer",
      "surrogate-key": "product:42 vendor:7",
      vary: "Accept-Encoding",
      "x-content-type-options": "nosniff",
    });
  });

  test("is not sent again to who holds it, and the 304 repeats what caches need", async () => {
    const full = await app.request("/found");
    const response = await app.request("/found", {
      headers: { "if-none-match": `"old", W/${found.page.etag}` },
    });
    expect(response.status).toBe(304);
    expect(await response.text()).toBe("");
    for (const name of [
      "etag",
      "cache-control",
      "vary",
      "age",
      "content-language",
      "surrogate-key",
    ])
      expect(response.headers.get(name)).toBe(full.headers.get(name));
    expect(response.headers.get("content-type")).toBeNull();
  });

  test("has headers and no body for HEAD", async () => {
    const response = await app.request("/found", { method: "HEAD" });
    expect(response.status).toBe(200);
    expect(response.headers.get("etag")).toBe(found.page.etag);
    expect(response.headers.get("content-length")).toBe("11");
    expect(await response.text()).toBe("");
  });

  test("is never older than nothing", async () => {
    const clockWentBack = new Hono().get("/", (c) => sendPage(c, answerOf(found, -2)));
    expect((await clockWentBack.request("/")).headers.get("age")).toBe("0");
  });
});

describe("a page that the cache answers", () => {
  /** What one request came to: `at once` without a promise, `later` by one. */
  async function answerFrom(cache: Parameters<typeof answerPage>[1]) {
    let came = "";
    const response = await new Hono()
      .get("/", (c) => {
        const answer = answerPage(c, cache, ["product", "/p"], async () => found);
        came = answer instanceof Response ? "at once" : "later";
        return answer;
      })
      .request("/");
    return { came, text: await response.text() };
  }

  test("is sent at once where this process holds it, and nothing is loaded or waited for", async () => {
    const cache = {
      fromL1: () => answerOf(found),
      page: () => Promise.reject(new Error("asked for work")),
    };
    expect(await answerFrom(cache)).toEqual({ came: "at once", text: '{"id":"42"}' });
  });

  test("is loaded where it does not", async () => {
    const cache: Parameters<typeof answerPage>[1] = {
      fromL1: () => null,
      page: async (_class, _url, load) => ({ ...answerOf(await load()), outcome: "miss" }),
    };
    expect(await answerFrom(cache)).toEqual({ came: "later", text: '{"id":"42"}' });
  });
});

describe("a page that says that there is nothing", () => {
  test("is a problem that caches keep shortly", async () => {
    const response = await app.request("/missing");
    expect(response.status).toBe(404);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(response.headers.get("cache-control")).toStartWith("public, max-age=5, s-maxage=10");
    expect(response.headers.get("surrogate-key")).toBeNull();
    expect(await response.json()).toMatchObject({ status: 404, code: "PRODUCT_NOT_FOUND" });
  });

  test("is sent again even to who holds it", async () => {
    const response = await app.request("/missing", { headers: { "if-none-match": "*" } });
    expect(response.status).toBe(404);
  });
});
