import { createLaunches } from "./launches.ts";
import { nodeNames } from "./node-plan.ts";
import { startNode } from "./test-node.ts";

/** Starts a node, says what it consists of, and waits to be killed. */

const { plan } = await startNode();
const pids = [...createLaunches({ directory: plan.directory }).list().values()].map(
  ({ pid }) => pid,
);
process.stdout.write(
  `${JSON.stringify({ directory: plan.directory, ...nodeNames(plan), pids })}\n`,
);
await new Promise(() => {});
