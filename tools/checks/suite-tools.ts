import { findProgram } from "../stack/find-program.ts";
import type { SuiteName } from "./suites.ts";

/** Programs that a suite drives; of each line one is enough. */
const programsOf: Readonly<Record<SuiteName, readonly (readonly string[])[]>> = {
  fast: [],
  stores: [],
  rules: [["promtool"]],
  browser: [["chromium", "google-chrome"]],
  charts: [["helm"]],
  cluster: [["kube-apiserver"], ["etcd"]],
  node: [["kubelet"], ["containerd"], ["kube-apiserver"], ["etcd"]],
  soak: [],
};

/** What `suite` lacks on this machine, in words; null when it lacks nothing. */
export function findMissingTool(suite: SuiteName): string | null {
  if (suite === "node" && (process.platform !== "linux" || process.getuid?.() !== 0))
    return "Linux with root";
  if (suite === "browser" && process.env["CHROMIUM"] !== undefined) return null;
  const missing = programsOf[suite].find((names) =>
    names.every((name) => findProgram(name) === null),
  );
  return missing === undefined ? null : missing.join(" or ");
}
