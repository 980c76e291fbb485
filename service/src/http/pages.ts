import { createPage, type LoadedPage } from "../cache/index.ts";
import { removeNulls } from "./json.ts";
import type { Language } from "./parameters.ts";
import { createProblem, type ProblemCode, problemMediaType } from "./problem.ts";

/** A page to be cached: `json` without its nulls. */
export function createFoundPage(
  json: unknown,
  { language, tags }: { readonly language: Language; readonly tags: readonly string[] },
): LoadedPage {
  const page = createPage({ status: 200, json: removeNulls(json), language, tags });
  return { page, negative: false };
}

/** The page that says that there is no such thing; remembered shortly, so that asking again costs nothing. */
export function createMissingPage(code: ProblemCode, detail: string): LoadedPage {
  const problem = createProblem(code, { detail });
  const page = createPage({ status: problem.status, json: problem, language: "en", tags: [] });
  return { page: { ...page, contentType: problemMediaType }, negative: true };
}
