import type { Page } from "./cache.ts";

/** What a route hands over to be cached. */
export interface PageContent {
  readonly status: number;
  /** Anything that JSON can say. It is written out here, once; nothing on the way to a client reads it again. */
  readonly json: unknown;
  /** BCP 47 tag of the text. */
  readonly language: string;
  readonly tags: readonly string[];
}

const encoder = new TextEncoder();

/** A page that is ready to send: JSON in UTF-8 and the validator of these bytes. */
export function createPage({ status, json, language, tags }: PageContent): Page {
  const body = encoder.encode(JSON.stringify(json));
  return {
    status,
    contentType: "application/json; charset=utf-8",
    body,
    etag: formatEtag(body),
    language,
    tags,
  };
}

/** `"<hash>-identity"`: wyhash, 64 bits in hexadecimal, of bytes sent without a content encoding. */
export function formatEtag(body: Uint8Array): string {
  return `"${Bun.hash.wyhash(body).toString(16).padStart(16, "0")}-identity"`;
}
