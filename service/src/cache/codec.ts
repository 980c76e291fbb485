import type { Page } from "./cache.ts";

/**
 * An entry of the shared layer as bytes: a fixed header, the short texts, and the body as it goes to
 * the client, so that reading one parses nothing and copies the body once. Little endian.
 *
 * ```text
 *  0 magic u8    1 version u8
 *  2 checksum u32, xxHash32 of everything from offset 6
 *  6 flags u8 (1: negative)    7 jitter u8
 *  8 madeAt f64, ms of the shared layer's clock
 * 16 status u32
 * 20 lengths u32: content type, etag, language, tags, body
 * 40 content type, etag, language, tags (each a u32 length and its text), body; texts in UTF-8
 * ```
 */
export interface StoredEntry {
  readonly page: Page;
  /** Whether the page says "there is no such thing". */
  readonly negative: boolean;
  /** Drawn at fill, 0 to 255: see policy.ts. */
  readonly jitter: number;
  /** When its load began, in ms of the shared layer's clock. */
  readonly madeAtMs: number;
}

/** Grows with every change of the layout. Processes of two versions do not read each other's entries. */
export const entryVersion = 1;

const magic = 0x4d;
const headerBytes = 40;
const negativeFlag = 1;
const checksumFrom = 6;

export function encodeEntry({
  page,
  negative,
  jitter,
  madeAtMs,
}: StoredEntry): Buffer<ArrayBuffer> {
  const texts = [page.contentType, page.etag, page.language];
  const lengths = texts.map((text) => Buffer.byteLength(text));
  const tagLengths = page.tags.map((tag) => Buffer.byteLength(tag));
  lengths.push(
    tagLengths.reduce((total, length) => total + 4 + length, 0),
    page.body.byteLength,
  );
  const bytes = Buffer.alloc(lengths.reduce((total, length) => total + length, headerBytes));
  bytes[0] = magic;
  bytes[1] = entryVersion;
  bytes[6] = negative ? negativeFlag : 0;
  bytes[7] = jitter;
  bytes.writeDoubleLE(madeAtMs, 8);
  bytes.writeUInt32LE(page.status, 16);
  let offset = 20;
  for (const length of lengths) offset = bytes.writeUInt32LE(length, offset);
  for (const text of texts) offset += bytes.write(text, offset);
  page.tags.forEach((tag, index) => {
    offset = bytes.writeUInt32LE(tagLengths[index] ?? 0, offset);
    offset += bytes.write(tag, offset);
  });
  bytes.set(page.body, offset);
  bytes.writeUInt32LE(Bun.hash.xxHash32(bytes.subarray(checksumFrom)), 2);
  return bytes;
}

/**
 * Reads what `encodeEntry` wrote. Null for anything else: another version, truncated, garbage. The
 * body is a copy, because a reply of the Redis client is a window on a socket buffer many times its
 * size, which an entry would keep alive.
 */
export function decodeEntry(stored: Uint8Array): StoredEntry | null {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  if (bytes.length < headerBytes || bytes[0] !== magic || bytes[1] !== entryVersion) return null;
  let size = headerBytes;
  for (let at = 20; at < headerBytes; at += 4) size += bytes.readUInt32LE(at);
  if (size !== bytes.length) return null;
  if (bytes.readUInt32LE(2) !== Bun.hash.xxHash32(bytes.subarray(checksumFrom))) return null;

  let offset = headerBytes;
  const text = (length: number): string => {
    const from = offset;
    offset += length;
    return bytes.toString("utf8", from, offset);
  };
  const contentType = text(bytes.readUInt32LE(20));
  const etag = text(bytes.readUInt32LE(24));
  const language = text(bytes.readUInt32LE(28));
  const tagsEnd = offset + bytes.readUInt32LE(32);
  const tags: string[] = [];
  while (offset < tagsEnd) {
    if (tagsEnd - offset < 4) return null;
    const length = bytes.readUInt32LE(offset);
    if (length > tagsEnd - offset - 4) return null;
    offset += 4;
    tags.push(text(length));
  }
  return {
    page: {
      status: bytes.readUInt32LE(16),
      contentType,
      etag,
      language,
      tags,
      body: new Uint8Array(bytes.subarray(tagsEnd)),
    },
    negative: bytes[6] === negativeFlag,
    jitter: bytes[7] ?? 0,
    madeAtMs: bytes.readDoubleLE(8),
  };
}
