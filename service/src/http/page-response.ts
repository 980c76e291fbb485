import type { Context } from "hono";
import type { CacheClass } from "@mestore/contract/cache-classes";
import type { LoadedPage, Page, PageAnswer, PageCache } from "../cache/index.ts";
import { createPageHeaders, type PageHeaders } from "./answer-headers.ts";
import { matchesIfNoneMatch } from "./conditional.ts";

/** Lives as long as the page itself: a page of the process's own layer has its headers made once. */
const headersOfPages = new WeakMap<Page, PageHeaders>();

function headersOf(page: Page): PageHeaders {
  let headers = headersOfPages.get(page);
  if (headers === undefined) headersOfPages.set(page, (headers = createPageHeaders(page)));
  return headers;
}

/**
 * Answers with the page of `url`, its canonical URL. One that this process holds is sent without a
 * promise, and without anything made that only a load needs.
 */
export function answerPage(
  c: Context,
  cache: Pick<PageCache, "fromL1" | "page">,
  [cacheClass, url]: readonly [CacheClass, url: string],
  load: () => Promise<LoadedPage>,
): Response | Promise<Response> {
  const held = cache.fromL1(cacheClass, url);
  if (held !== null) return sendPage(c, held);
  return cache.page(cacheClass, url, load).then((answer) => sendPage(c, answer));
}

/** Sends a cached page, or 304 when the client holds these bytes already; only a 200 can be held. */
export function sendPage(c: Context, { page, ageSeconds }: PageAnswer): Response {
  const { full, notModified } = headersOf(page);
  const age = String(Math.max(0, Math.floor(ageSeconds)));
  const ifNoneMatch = c.req.header("if-none-match");
  if (
    page.status === 200 &&
    ifNoneMatch !== undefined &&
    matchesIfNoneMatch(ifNoneMatch, page.etag)
  )
    return new Response(null, { status: 304, headers: { ...notModified, age } });
  return new Response(page.body, { status: page.status, headers: { ...full, age } });
}
