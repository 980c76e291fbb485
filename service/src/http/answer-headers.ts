import type { Page } from "../cache/index.ts";

/** Lifetimes of public pages at clients and shared caches, in seconds. */
export interface ClientLifetimes {
  readonly maxAge: number;
  readonly sharedMaxAge: number;
  readonly staleWhileRevalidate: number;
  readonly staleIfError: number;
}

/**
 * Constants, never the tuned TTL: a client keeps what it was told, and the operator could not take
 * it back. 30 s is the browser's part; a shared cache is purged by its surrogate keys.
 */
export const pageLifetimes: ClientLifetimes = {
  maxAge: 30,
  sharedMaxAge: 60,
  staleWhileRevalidate: 60,
  staleIfError: 300,
};

/** A page that says "there is no such thing": as long as the cache remembers it (contract: negative TTL). */
export const negativeLifetimes: ClientLifetimes = {
  maxAge: 5,
  sharedMaxAge: 10,
  staleWhileRevalidate: 0,
  staleIfError: 60,
};

export function formatCacheControl(lifetimes: ClientLifetimes): string {
  const { maxAge, sharedMaxAge, staleWhileRevalidate, staleIfError } = lifetimes;
  return `public, max-age=${maxAge}, s-maxage=${sharedMaxAge}, stale-while-revalidate=${staleWhileRevalidate}, stale-if-error=${staleIfError}`;
}

const pageCacheControl = formatCacheControl(pageLifetimes);
const negativeCacheControl = formatCacheControl(negativeLifetimes);

/**
 * For every answer: JSON is no document, whatever a browser is told; nothing of it is a frame or a
 * referrer (OWASP REST security cheat sheet). Transport security is the ingress's to promise.
 */
export const securityHeaders = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
} as const;

/** Pages do not depend on who asks, so any origin may read them. */
export const publicCorsHeaders = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers": "ETag, Age",
  "cross-origin-resource-policy": "cross-origin",
} as const;

/** All headers of a page but `Age`, the same for every request. A 304 repeats those that RFC 9110 §15.4.5 asks for. */
export interface PageHeaders {
  readonly full: Readonly<Record<string, string>>;
  readonly notModified: Readonly<Record<string, string>>;
}

export function createPageHeaders(page: Page): PageHeaders {
  const repeated = {
    etag: page.etag,
    "cache-control": page.status === 200 ? pageCacheControl : negativeCacheControl,
    vary: "Accept-Encoding",
    "content-language": page.language,
    ...(page.tags.length > 0 ? { "surrogate-key": page.tags.join(" ") } : {}),
    ...publicCorsHeaders,
    ...securityHeaders,
  };
  return {
    notModified: repeated,
    full: {
      ...repeated,
      "content-type": page.contentType,
      "content-length": String(page.body.byteLength),
    },
  };
}
