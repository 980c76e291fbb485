import { OpenAPIHono } from "@hono/zod-openapi";
import type { ParameterFault } from "./problem.ts";
import { sendProblem } from "./problem-response.ts";

/** A router whose routes refuse what their schemas refuse, naming each parameter. */
export function createRouter(): OpenAPIHono {
  return new OpenAPIHono({
    defaultHook: (result, c) => {
      if (result.success) return undefined;
      const place = result.target === "param" ? "path" : "query";
      const repeated = (name: string) =>
        place === "query" && (c.req.queries(name)?.length ?? 0) > 1;
      const errors = result.error.issues.flatMap((issue): ParameterFault[] => {
        if (issue.code === "unrecognized_keys")
          return issue.keys.map((name) => ({ in: place, name, message: "unknown parameter" }));
        const name = String(issue.path[0] ?? "");
        return [{ in: place, name, message: repeated(name) ? "given twice" : issue.message }];
      });
      return sendProblem(c, "VALIDATION_FAILED", { errors });
    },
  });
}
