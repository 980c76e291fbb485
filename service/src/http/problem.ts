import { z } from "@hono/zod-openapi";

/** Every code that an answer can carry and the status it comes with: the only such table. */
export const problemStatuses = {
  VALIDATION_FAILED: 400,
  INVALID_CURSOR: 400,
  LOCAL_ONLY: 403,
  ROUTE_NOT_FOUND: 404,
  PRODUCT_NOT_FOUND: 404,
  CATEGORY_NOT_FOUND: 404,
  BRAND_NOT_FOUND: 404,
  VENDOR_NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  INTERNAL_ERROR: 500,
  DATABASE_UNAVAILABLE: 503,
  DATABASE_TIMEOUT: 503,
  LOAD_TIMEOUT: 503,
} as const;

export type ProblemCode = keyof typeof problemStatuses;
export type ProblemStatus = (typeof problemStatuses)[ProblemCode];

/** The reason phrases of RFC 9110, which are the titles of problems of type `about:blank` (RFC 9457). */
const titles: Readonly<Record<ProblemStatus, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** Seconds after which a client may ask again: a restarted database takes about two. */
export const retryAfterSeconds = 2;

export const problemMediaType = "application/problem+json";

export const problemSchema = z
  .object({
    type: z.literal("about:blank"),
    title: z.string(),
    status: z.int(),
    code: z.enum(Object.keys(problemStatuses) as ProblemCode[]).openapi({
      description: "Stable; what a program should look at.",
    }),
    detail: z.string().optional(),
    errors: z
      .array(z.object({ in: z.enum(["query", "path"]), name: z.string(), message: z.string() }))
      .optional()
      .openapi({ description: "Which parameters were refused, and why." }),
    requestId: z.string().optional().openapi({ description: "Names this request in the logs." }),
  })
  .openapi("Problem", {
    example: {
      type: "about:blank",
      title: "Bad Request",
      status: 400,
      code: "VALIDATION_FAILED",
      errors: [{ in: "query", name: "limit", message: "Too big: expected number to be <=100" }],
    },
  });

export type Problem = z.infer<typeof problemSchema>;

/** A refused parameter of a request. */
export interface ParameterFault {
  readonly in: "query" | "path";
  readonly name: string;
  readonly message: string;
}

export interface ProblemMembers {
  readonly detail?: string;
  readonly errors?: readonly ParameterFault[];
  readonly requestId?: string;
}

/** The body of a problem answer, RFC 9457 with `code` and what else is known. */
export function createProblem(code: ProblemCode, members: ProblemMembers = {}): Problem {
  const { errors, ...others } = members;
  const status = problemStatuses[code];
  return {
    type: "about:blank",
    title: titles[status],
    status,
    code,
    ...others,
    ...(errors === undefined ? {} : { errors: [...errors] }),
  };
}

/**
 * The code that a thrown error stands for. Errors of other rooms say it in `code`, so that this room
 * need not know them; whatever else was thrown is nobody's expectation.
 */
export function problemCodeOf(error: unknown): ProblemCode {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && Object.hasOwn(problemStatuses, code)
    ? (code as ProblemCode)
    : "INTERNAL_ERROR";
}
