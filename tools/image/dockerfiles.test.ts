import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  DockerfileParser,
  type Instruction,
  type JSONInstruction,
  type PropertyInstruction,
} from "dockerfile-ast";
import { repositoryRoot } from "../stack/paths.ts";
import { executableName } from "./compile-program.ts";
import { images, imageUser, type ProgramName, programNames } from "./image-table.ts";
import { labelsOf } from "./labels.ts";
import { readProductVersion } from "./product-version.ts";

/** The Dockerfiles cannot be built here. That they say the same as our own builder can be read. */

const read = (path: string): string => readFileSync(join(repositoryRoot, path), "utf8");

function parse(name: ProgramName) {
  const dockerfile = DockerfileParser.parse(read(`docker/${name}.Dockerfile`));
  const instructions = dockerfile.getInstructions();
  const last = instructions.findLastIndex((one) => one.getKeyword() === "FROM");
  return {
    build: instructions.slice(0, last),
    final: instructions.slice(last),
    arguments: Object.fromEntries(
      dockerfile.getARGs().map((one) => {
        const property = one.getProperty();
        return [property?.getName(), property?.getValue()];
      }),
    ),
  };
}

const valuesOf = (instructions: readonly Instruction[], keyword: string): readonly string[] =>
  instructions
    .filter((one) => one.getKeyword() === keyword)
    .flatMap((one) => one.getArguments().map((argument) => argument.getValue()));

const propertiesOf = (instructions: readonly Instruction[], keyword: string) =>
  Object.fromEntries(
    instructions
      .filter((one) => one.getKeyword() === keyword)
      .flatMap((one) => (one as PropertyInstruction).getProperties())
      .map((property) => [property.getName(), property.getValue()]),
  );

const wordsOf = (instructions: readonly Instruction[], keyword: string): readonly string[] =>
  instructions
    .filter((one) => one.getKeyword() === keyword)
    .flatMap((one) => (one as JSONInstruction).getJSONStrings())
    .map((word) => JSON.parse(word.getValue()) as string);

describe.each([...programNames])("docker/%s.Dockerfile", (name) => {
  const { build, final, arguments: given } = parse(name);
  const settings = images[name];

  test("builds with the Bun of this tree, by the compiler of the other builder", () => {
    expect(given["BUN_IMAGE"]).toBe(`oven/bun:${read(".bun-version").trim()}`);
    const runs = build
      .filter((one) => one.getKeyword() === "RUN")
      .map((one) => one.getArgumentsContent());
    expect(runs).toContain(`bun tools/image/compile-program.ts ${name} /out`);
    expect(runs[0]).toStartWith("bun install --frozen-lockfile ");
  });

  test("runs the same program as the same user", () => {
    const path = `/app/${executableName(name)}`;
    expect(valuesOf(final, "COPY")).toEqual([`/out/${executableName(name)}`, path]);
    expect(wordsOf(final, "ENTRYPOINT")).toEqual([...settings.entrypoint]);
    expect(settings.entrypoint[0]).toBe(path);
    expect(wordsOf(final, "CMD")).toEqual([...settings.command]);
    expect(propertiesOf(final, "ENV")).toEqual(settings.environment);
    expect(valuesOf(final, "USER")).toEqual([`${imageUser.uid}:${imageUser.gid}`]);
    expect(valuesOf(final, "WORKDIR")).toEqual([settings.workingDirectory]);
    expect(valuesOf(final, "STOPSIGNAL")).toEqual([settings.stopSignal]);
  });

  test("opens the same ports and asks the same for its health", () => {
    expect(valuesOf(final, "EXPOSE")).toEqual(
      Object.values(settings.ports).map((port) => `${port}/tcp`),
    );
    const check = final.find((one) => one.getKeyword() === "HEALTHCHECK")?.getArgumentsContent();
    const words = typeof check !== "string" ? null : JSON.parse(check.replace(/^.*?CMD /, ""));
    expect(words).toEqual(settings.healthCheck);
  });

  test("carries the same labels", () => {
    const commit = "${REVISION}";
    const { "org.opencontainers.image.created": _, ...labels } = labelsOf(
      settings,
      readProductVersion(),
      { commit, committedAtSeconds: 0 },
    );
    expect(propertiesOf(final, "LABEL")).toEqual(labels);
  });
});

test("what an engine is sent is neither packages, data nor secrets of a checkout", () => {
  const patterns = read(".dockerignore").split("\n");
  expect(patterns).toContainAllValues([
    ...patterns.filter((line) => line.startsWith("#") || line === ""),
    ".git",
    ".mestore",
    "**/node_modules",
    "**/*.log",
    "**/.env*",
    "bench/results",
    "dist",
  ]);
});
