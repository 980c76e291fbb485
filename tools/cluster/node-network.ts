import { type Namespaces, runInside } from "./namespaces.ts";
import { nodeAddresses, nodeNames, type NodePlan } from "./node-plan.ts";
import { prepareTool } from "../pins/tool.ts";
import { runProgram } from "./run-program.ts";
import { asStackFault } from "../stack/fault.ts";
import { waitFor } from "../stack/wait-for.ts";

/** The node's end of its link to the machine. */
const uplink = "eth0";

/**
 * Connects a node with the machine: a pair of virtual links, and a route to its pods and Services.
 * The links go with the node. Does nothing where they are.
 * @throws StackFault STEP_FAILED; see `saysTaken`
 */
export async function ensureNodeNetwork(plan: NodePlan, namespaces: Namespaces): Promise<void> {
  const { link } = nodeNames(plan);
  const { host, node, linkPrefix, routed } = nodeAddresses(plan.subnet);
  if (await isConnected(namespaces)) return;
  const ip = (words: string) => runProgram(["ip", ...words.split(" ")]);
  const ipInside = (words: string) => runInside(namespaces, ["ip", ...words.split(" ")]);
  const { pid } = namespaces.init;
  await ip(`link add ${link} type veth peer name ${uplink} netns ${pid}`);
  await ip(`addr add ${host}/${linkPrefix} dev ${link}`);
  await ip(`link set ${link} up`);
  await ipInside(`addr add ${node}/${linkPrefix} dev ${uplink}`);
  await ipInside(`link set ${uplink} up`);
  await ipInside(`route add default via ${host}`);
  await ip(`route add ${routed} via ${node} dev ${link}`);
  await runProgram(namespaces.wrap([await prepareTool("nft"), "-f", "-"]), formatGuard(plan));
}

/** Pods reach the machine and nothing beyond it, whatever the machine forwards. */
function formatGuard({ subnet }: NodePlan): string {
  const { podCidr, host } = nodeAddresses(subnet);
  return `table inet mestore {
  chain forward {
    type filter hook forward priority filter - 10; policy accept;
    ip saddr ${podCidr} oifname "${uplink}" ip daddr != ${host} counter drop
  }
}
`;
}

const listLinks = ["ip", "-json", "link", "show"];

/** Names of links. */
function parseLinks(json: string): string[] {
  return (JSON.parse(json) as { readonly ifname: string }[]).map(({ ifname }) => ifname);
}

/** On a busy machine the kernel takes its time. */
const cleanUpDeadlineMs = 30_000;

/** Whether a node has its link. */
export async function isConnected(namespaces: Namespaces): Promise<boolean> {
  return parseLinks(await runInside(namespaces, listLinks)).includes(uplink);
}

/**
 * Waits until the link of a node that has ended is gone: the kernel removes namespaces in its own
 * time.
 */
export async function waitForLinkToGo(plan: Pick<NodePlan, "directory" | "subnet">): Promise<void> {
  const { link } = nodeNames(plan);
  await waitFor(async () => !parseLinks(await runProgram(listLinks)).includes(link), {
    timeoutMs: cleanUpDeadlineMs,
    what: `the link ${link} to go`,
  });
}

/** Second numbers of 10.x addresses that the machine routes somewhere already. */
export async function listTakenSubnets(): Promise<ReadonlySet<number>> {
  const routes = JSON.parse(
    await runProgram(["ip", "-json", "-4", "route", "show", "table", "all"]),
  );
  return parseTakenSubnets((routes as { dst: string }[]).map(({ dst }) => dst));
}

/** @param destinations of routes: `default`, `10.88.0.0/16`, `10.1.2.3` */
export function parseTakenSubnets(destinations: readonly string[]): ReadonlySet<number> {
  const taken = new Set<number>();
  for (const destination of destinations) {
    const [, second, length] = /^10\.(\d+)\.\d+\.\d+(?:\/(\d+))?$/.exec(destination) ?? [];
    if (second === undefined) continue;
    // A route wider than /16 covers several; one of /8 or the like covers all, and is no reason to give up.
    const bits = Math.min(16, Number(length ?? 32));
    if (bits <= 8) continue;
    const span = 2 ** (16 - bits);
    const first = Math.floor(Number(second) / span) * span;
    for (let one = first; one < first + span; one += 1) taken.add(one);
  }
  return taken;
}

/** Whether an error of `ip` says that somebody else has the name or the address. */
export function saysTaken(error: unknown): boolean {
  return asStackFault(error)?.message.includes("File exists") ?? false;
}
