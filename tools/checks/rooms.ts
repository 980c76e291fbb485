/**
 * The rooms of the tree and who may import whom: docs/architecture.md as a table. A room is a
 * package, or a folder or file directly under the `src` of a program.
 */

/** Where a module stands. */
export interface Place {
  /** `contract`, `service/cache`, `operator/main`, `tools`. */
  readonly room: string;
  /** Inside the room, without extension: `index`, `ports`, `stack/wait-for`. */
  readonly module: string;
}

export const programs = ["service", "operator"] as const;

/** Workspace packages by the folder that they are in. */
export const packageFolders: Readonly<Record<string, string>> = {
  contract: "packages/contract",
  laws: "packages/laws",
  simulator: "packages/simulator",
  telemetry: "packages/telemetry",
  service: "service",
  operator: "operator",
  dashboards: "dashboards",
  loadtest: "loadtest",
  demo: "demo",
  bench: "bench",
  tools: "tools",
};

export const capabilities = [
  "accounts",
  "catalog",
  "ordering",
  "reviews",
  "search",
  "vendors",
] as const;

export type Capability = (typeof capabilities)[number];

/** Capabilities that another may use, through their index.ts: the order of the arrows, closed. */
const usableCapabilities: Readonly<Record<Capability, readonly Capability[]>> = {
  accounts: [],
  catalog: ["accounts"],
  ordering: ["catalog", "accounts"],
  reviews: ["ordering", "catalog", "accounts"],
  vendors: ["ordering", "catalog", "accounts"],
  search: ["catalog", "accounts"],
};

/** Every room of a program may use these. */
const everywhere = ["contract", "telemetry"] as const;

const capabilityArrows = Object.fromEntries(
  capabilities.map((name) => [
    `service/${name}`,
    [
      ...["http", "cache", "events", "database"].map((room) => `service/${room}`),
      ...usableCapabilities[name].map((other) => `service/${other}:index`),
      ...everywhere,
    ],
  ]),
);

/**
 * From a room to what it may import: a room, `room:module` for one module of it, `program/*` for all
 * rooms of a program, `*` for all. A room may always import itself.
 */
export const arrows: Readonly<Record<string, readonly string[]>> = {
  contract: [],
  laws: ["contract"],
  simulator: ["laws", "contract"],
  telemetry: ["contract"],
  dashboards: ["contract"],
  loadtest: ["contract"],
  demo: ["contract"],
  bench: ["service/*", "laws", "contract", "demo"],
  tools: ["*"],

  // A main knows everything that its rooms know, and hands it to them.
  "service/main": ["service/*", "laws", ...everywhere],
  "service/config": [...everywhere],
  "service/app": [
    ...capabilities.map((name) => `service/${name}`),
    "service/http",
    "service/events",
    "service/cache",
    "service/performance",
    ...everywhere,
  ],
  ...capabilityArrows,
  "service/performance": [
    "laws",
    "service/http",
    "service/cache",
    "service/database",
    "service/search:index",
    ...everywhere,
  ],
  "service/http": ["service/cache", ...everywhere],
  "service/events": ["service/database", ...everywhere],
  "service/cache": [...everywhere],
  "service/database": [...everywhere],
  "service/tuning": [...everywhere],

  "operator/main": ["operator/*", "laws", ...everywhere],
  // Refuses at the start what the guard of addresses cannot read.
  "operator/config": ["operator/metrics-source:address-guard", ...everywhere],
  "operator/profile": ["contract"],
  "operator/control": ["operator/profile", "laws", ...everywhere],
  "operator/kube": ["operator/control:ports", ...everywhere],
  "operator/file": ["operator/control:ports", ...everywhere],
  "operator/metrics-source": ["operator/control:ports", ...everywhere],
};

/** Packages of the registry that a room may import; a room that is absent imports what it declares. */
export const registryPackages: Readonly<Record<string, readonly string[]>> = {
  contract: ["zod"],
  laws: [],
};

/** Where the file at `path` (from the root) stands; undefined outside every package. */
export function placeOf(path: string): Place | undefined {
  const bare = path.replace(/\.(d\.ts|tsx?|json|sql)$/, "");
  for (const [name, folder] of Object.entries(packageFolders)) {
    if (!bare.startsWith(`${folder}/`)) continue;
    const inside = bare.slice(folder.length + 1);
    return isProgram(name) ? placeInProgram(name, inside) : { room: name, module: inside };
  }
  return undefined;
}

function placeInProgram(program: string, inside: string): Place {
  const [first = "", ...rest] = inside.replace(/^src\//, "").split("/");
  return { room: `${program}/${first}`, module: rest.join("/") };
}

function isProgram(name: string): boolean {
  return programs.some((program) => program === name);
}

/** The program or package of a room: `service` of `service/cache`. */
export function packageOf(room: string): string {
  return room.split("/", 1)[0] ?? room;
}

/** Whether the table lets a file of `from` import `to`. */
export function mayImport(from: Place, to: Place): boolean {
  if (from.room === to.room) return true;
  // A program is started, never imported: its main is the only file that knows everything.
  if (to.room.endsWith("/main")) return false;
  return (arrows[from.room] ?? []).some((arrow) => {
    if (arrow === "*" || arrow === to.room || arrow === `${to.room}:${to.module}`) return true;
    return arrow.endsWith("/*") && to.room.startsWith(arrow.slice(0, -1));
  });
}
