import { describe, expect, test } from "bun:test";
import { matchesIfNoneMatch } from "./conditional.ts";

describe("matchesIfNoneMatch", () => {
  const etag = '"6aa9f2e45be90845-identity"';
  test.each([
    ["the tag itself", etag, true],
    ["anything at all", "*", true],
    ["anything, with spaces", " * ", true],
    ["the tag as a weak one", `W/${etag}`, true],
    ["the tag in a list", `"a", ${etag},"b"`, true],
    ["the weak tag in a list without spaces", `"a",W/${etag}`, true],
    ["a tag with a comma before it", `"a,b", ${etag}`, true],
    ["another encoding of the same", '"6aa9f2e45be90845-br"', false],
    ["another tag", '"a"', false],
    ["the tag without quotes", "6aa9f2e45be90845-identity", false],
    ["a list that has it inside another tag", '"x 6aa9f2e45be90845-identity"', false],
    ["nothing", "", false],
    ["a star in a list of tags", '"*"', false],
  ])("%s", (_, header, matches) => {
    expect(matchesIfNoneMatch(header, etag)).toBe(matches);
  });
});
