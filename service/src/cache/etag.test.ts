import { expect, test } from "bun:test";
import { createPage, formatEtag } from "./etag.ts";

const content = { status: 200, json: { título: "Olla" }, language: "es", tags: ["product:1"] };

test("a page is JSON in UTF-8, written once", () => {
  const page = createPage(content);
  expect(new TextDecoder().decode(page.body)).toBe('{"título":"Olla"}');
  expect(page).toMatchObject({
    status: 200,
    contentType: "application/json; charset=utf-8",
    language: "es",
    tags: ["product:1"],
  });
});

test("the validator is of the bytes: the same in every process, another for other bytes", () => {
  const page = createPage(content);
  expect(page.etag).toMatch(/^"[0-9a-f]{16}-identity"$/);
  expect(createPage(content).etag).toBe(page.etag);
  expect(createPage({ ...content, json: { título: "Ollas" } }).etag).not.toBe(page.etag);
  // Wyhash of nothing, fixed: a validator has to outlive the process that made it.
  expect(formatEtag(new Uint8Array())).toBe('"0409638ee2bde459-identity"');
});
