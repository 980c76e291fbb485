import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { repositoryRoot } from "../stack/paths.ts";
import { waitFor } from "../stack/wait-for.ts";
import { type ApiClient, contentTypes, type KubeObject } from "./api-client.ts";

const crdFolder = join(repositoryRoot, "charts/mestore-operator/crds");

const crdPath = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/**
 * Applies the committed definitions of the operator's resources and waits until the API server
 * serves them. Tests of one run may do it at the same moment: it is the same text.
 */
export async function applyCrd(client: ApiClient): Promise<void> {
  const files = readdirSync(crdFolder).filter((name) => name.endsWith(".yaml"));
  for (const file of files)
    for (const document of parseAllDocuments(readFileSync(join(crdFolder, file), "utf8")))
      await applyOne(client, document.toJS());
}

async function applyOne(client: ApiClient, crd: KubeObject): Promise<void> {
  const path = `${crdPath}/${crd.metadata.name}`;
  await client.request("PATCH", `${path}?fieldManager=mestore-test&force=true`, crd, {
    contentType: contentTypes.apply,
  });
  await waitFor(
    async () => {
      const { status } = await client.request("GET", path);
      return isTrue(status, "Established");
    },
    { what: `${crd.metadata.name} to be established` },
  );
}

/** Whether a condition of a status holds. */
export function isTrue(status: KubeObject, type: string): boolean {
  const conditions: readonly { type: string; status: string }[] = status?.conditions ?? [];
  return conditions.some((one) => one.type === type && one.status === "True");
}
