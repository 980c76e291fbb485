import { join } from "node:path";
import { repositoryRoot } from "../stack/paths.ts";

/** The charts of this repository; the last one depends on the others. */
export const chartNames = ["mestore", "mestore-operator", "mestore-stack"] as const;

export type ChartName = (typeof chartNames)[number];

/** Folder of a chart, from the root of the checkout. */
export const chartFolder = (name: ChartName): string => `charts/${name}`;

/** The same, absolute. */
export const chartPath = (name: ChartName): string => join(repositoryRoot, chartFolder(name));
