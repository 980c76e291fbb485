import { createOperatorRules, createServiceRules } from "@mestore/dashboards/rules";
import { createSlaDashboard } from "@mestore/dashboards/sla-dashboard";
import { stringify } from "yaml";
import { chartFolder, chartNames } from "./chart-folders.ts";
import { formatReadme } from "./readme.ts";

/** A file of a chart that is made and committed, never edited. */
export interface GeneratedFile {
  /** From the root of the checkout. */
  readonly path: string;
  readonly text: string;
}

const rulesHeader = `# Generated from packages/contract: bun tools/charts/generate.ts
# RELEASE_NAMESPACE and RELEASE_NAME stand for the release; the chart fills them in.
`;

const formatRules = (rules: object): string =>
  rulesHeader + stringify(rules, { aliasDuplicateObjects: false, lineWidth: 0 });

/** Every generated file of the charts but the CRD, in the format of the tree. */
export async function createGeneratedFiles(): Promise<GeneratedFile[]> {
  const files: GeneratedFile[] = [
    {
      path: `${chartFolder("mestore")}/dashboards/mestore-sla.json`,
      text: JSON.stringify(createSlaDashboard(), null, 2),
    },
    {
      path: `${chartFolder("mestore")}/rules/mestore.rules.yaml`,
      text: formatRules(createServiceRules()),
    },
    {
      path: `${chartFolder("mestore-operator")}/rules/operator.rules.yaml`,
      text: formatRules(createOperatorRules()),
    },
    ...chartNames.map((name) => ({
      path: `${chartFolder(name)}/README.md`,
      text: formatReadme(name),
    })),
  ];
  return Promise.all(
    files.map(async ({ path, text }) => ({ path, text: await formatText(path, text) })),
  );
}

async function formatText(path: string, text: string): Promise<string> {
  const formatter = Bun.spawn(
    [process.execPath, "fmt", "--no-script", `--stdin-filepath=${path}`],
    { stdin: new Blob([text]), stdout: "pipe", stderr: "inherit" },
  );
  const [formatted, exitCode] = await Promise.all([formatter.stdout.text(), formatter.exited]);
  if (exitCode !== 0) throw new Error(`bun fmt refuses what is generated for ${path}`);
  return formatted;
}
