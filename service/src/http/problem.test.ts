import { describe, expect, test } from "bun:test";
import { createProblem, problemCodeOf, problemSchema, problemStatuses } from "./problem.ts";

describe("problems", () => {
  test("have the status of their code and fit their schema", () => {
    for (const [code, status] of Object.entries(problemStatuses)) {
      const problem = createProblem(code as keyof typeof problemStatuses, { detail: "why" });
      expect(problem.status).toBe(status);
      expect(problem.title).not.toBe("");
      expect(problemSchema.safeParse(problem).success).toBe(true);
    }
  });

  test("stand for what was thrown when it says a known code", () => {
    const away = Object.assign(new Error("away"), { code: "DATABASE_UNAVAILABLE" });
    expect(problemCodeOf(away)).toBe("DATABASE_UNAVAILABLE");
    for (const other of [
      new Error("bug"),
      Object.assign(new Error("driver"), { code: "ECONNREFUSED" }),
      Object.assign(new Error("prototype"), { code: "constructor" }),
      "text",
      undefined,
    ])
      expect(problemCodeOf(other)).toBe("INTERNAL_ERROR");
  });
});
