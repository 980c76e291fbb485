import type { z } from "@hono/zod-openapi";
import { problemMediaType, problemSchema } from "./problem.ts";

/** A problem that a route can answer with. */
export const problemResponse = (description: string) => ({
  description,
  content: { [problemMediaType]: { schema: problemSchema } },
});

/** Headers of every public page. */
const pageResponseHeaders = {
  ETag: { description: "Validator of exactly these bytes", schema: { type: "string" as const } },
  Age: { description: "Seconds since it was made", schema: { type: "integer" as const } },
  "Cache-Control": { description: "Constant lifetimes", schema: { type: "string" as const } },
  "Surrogate-Key": {
    description: "What the page shows, for purging shared caches",
    schema: { type: "string" as const },
  },
};

/** What a cached page can answer with. `missing` says what is not there when it answers 404. */
export function pageResponses<Schema extends z.ZodType>(
  description: string,
  schema: Schema,
  missing: string | null,
) {
  return {
    200: { description, headers: pageResponseHeaders, content: { "application/json": { schema } } },
    304: { description: "The client holds these bytes already" },
    400: problemResponse("A parameter is unknown or has a value that it cannot have"),
    ...(missing === null ? {} : { 404: problemResponse(missing) }),
    500: problemResponse("A fault of the service"),
    503: problemResponse(
      "Not cached, and the database does not answer; `Retry-After` says when to ask again",
    ),
  };
}
