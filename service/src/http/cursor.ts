import type { z } from "@hono/zod-openapi";

/** Where the page before ended: the values of its last item by which the list is ordered, as text. */
export type CursorPosition = readonly string[];

/** Longest cursor that is looked at; one that this service writes has under 300 characters. */
const maxCursorLength = 512;

/**
 * A cursor is the position and the order that it belongs to. It is no secret and not signed: it
 * can name no more than a place in a public list.
 */
export function encodeCursor(order: string, position: CursorPosition): string {
  return Buffer.from(JSON.stringify([order, ...position])).toString("base64url");
}

/**
 * The position of a cursor that belongs to `order` and whose values have these shapes, one each; null
 * for any other text. The values go to the database as they are, so the shapes must admit nothing
 * that it would refuse.
 */
export function decodeCursor(
  text: string,
  order: string,
  shapes: readonly z.ZodType<string, string>[],
): CursorPosition | null {
  if (text.length > maxCursorLength) return null;
  let decoded: unknown;
  try {
    decoded = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
  } catch {
    return null;
  }
  if (!Array.isArray(decoded)) return null;
  const [named, ...position] = decoded as unknown[];
  if (named !== order || position.length !== shapes.length) return null;
  return shapes.every((shape, index) => shape.safeParse(position[index]).success)
    ? (position as string[])
    : null;
}
