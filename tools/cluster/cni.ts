import { insideNode, nodeAddresses, type NodePlan } from "./node-plan.ts";

/**
 * How a pod gets its address. Each one has a link of its own to the node (`ptp`), not a port of a
 * common bridge: on a bridge the answer of a pod that was reached through a Service would go straight
 * to the asking pod, past the address translation that has to be undone.
 * @see https://www.cni.dev/plugins/current/main/ptp/
 */
export function formatNetwork({ subnet }: NodePlan): string {
  const { podCidr } = nodeAddresses(subnet);
  return JSON.stringify({
    cniVersion: "1.0.0",
    name: "mestore",
    plugins: [
      {
        type: "ptp",
        ipMasq: false,
        ipam: {
          type: "host-local",
          dataDir: insideNode.cniAddresses,
          ranges: [[{ subnet: podCidr }]],
          routes: [{ dst: "0.0.0.0/0" }],
        },
      },
    ],
  });
}
