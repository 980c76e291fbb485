import { expect, test } from "bun:test";
import { parseConfig } from "./config.ts";

const needed = [
  ...["--source", "file", "--profiles", "p", "--tuning-file", "t/tuning.json"],
  ...["--status-dir", "s", "--scrape", "http://127.0.0.1:9464/metrics"],
];

test("fills in what may be left out", () => {
  expect(parseConfig(needed)).toEqual({
    ok: true,
    config: {
      source: "file",
      profilesDirectory: "p",
      tuningFile: "t/tuning.json",
      statusDirectory: "s",
      scrapeUrl: "http://127.0.0.1:9464/metrics",
      metricsPort: 8080,
      timeScale: 1,
      logLevel: "info",
    },
  });
});

test("takes a free port and a time scale", () => {
  const parsed = parseConfig([...needed, "--metrics-port", "0", "--time-scale=15"]);
  expect(parsed).toMatchObject({ ok: true, config: { metricsPort: 0, timeScale: 15 } });
});

const inCluster = ["--source", "kubernetes"];

test("in a cluster nothing else is needed", () => {
  expect(parseConfig(inCluster)).toEqual({
    ok: true,
    config: {
      source: "kubernetes",
      task: "run",
      kubeconfig: null,
      serviceAccountDirectory: null,
      namespaces: [],
      lease: {
        namespace: null,
        name: "mestore-operator",
        durationSeconds: 15,
        renewDeadlineSeconds: 10,
        retrySeconds: 2,
      },
      prometheusAllow: [],
      metricsPort: 8080,
      timeScale: 1,
      logLevel: "info",
    },
  });
});

test("several namespaces or all, several addresses, another lease, and the release", () => {
  const lease = ["--lease-namespace", "ops", "--lease-name", "two", "--lease-duration", "30"];
  const several = ["--namespace", "shop", "--namespace", "market"];
  const allowed = ["--prometheus-allow", "prometheus.monitoring", "--prometheus-allow", "*.svc"];
  expect(parseConfig(["release", ...inCluster, ...several, ...lease, ...allowed])).toMatchObject({
    config: {
      task: "release",
      namespaces: ["shop", "market"],
      lease: { namespace: "ops", name: "two", durationSeconds: 30 },
      prometheusAllow: ["prometheus.monitoring", "*.svc"],
    },
  });
  expect(parseConfig([...inCluster, "--all-namespaces"])).toMatchObject({
    config: { namespaces: null },
  });
});

test("--help is no error", () => {
  const parsed = parseConfig(["--help"]);
  expect(parsed).toMatchObject({ ok: false, exitCode: 0 });
  if (!parsed.ok) expect(parsed.text).toContain("--tuning-file <file>");
});

test.each([
  [[], "required option '--source <kind>' not specified"],
  [["--source", "configmap"], "Allowed choices are file, kubernetes"],
  [["--source", "file"], "--tuning-file is needed with --source file"],
  [[...needed, "--namespace", "shop"], "--namespace makes no sense with --source file"],
  [[...inCluster, "--profiles", "p"], "--profiles makes no sense with --source kubernetes"],
  [[...inCluster, "--namespace", "Shop"], "--namespace must be a lower-case DNS label"],
  [[...inCluster, "--namespace", "shop", "--all-namespaces"], "exclude each other"],
  [[...inCluster, "--lease-duration", "10"], "--lease-renew-deadline must be below"],
  [[...inCluster, "--lease-retry", "12"], "--lease-retry must be below"],
  [[...inCluster, "--lease-retry", "soon"], "--lease-retry must be a number of seconds"],
  [
    [...inCluster, ...Array.from({ length: 41 }, (_, at) => `--namespace=shop-${at}`)],
    "--namespace names more than 40",
  ],
  [
    [...inCluster, "--prometheus-allow", "prometheus.monitoring:9090/"],
    '--prometheus-allow "prometheus.monitoring:9090/" is no address: host, host:port',
  ],
  [[...inCluster, "--prometheus-allow="], '--prometheus-allow "" is no address'],
  [["relase", ...inCluster], 'there is no task "relase"'],
  [["release", "twice", ...inCluster], "too many arguments"],
  [[...needed, "--time-scale", "0.5"], "--time-scale must be a number of at least 1"],
  [[...needed, "--time-scale", "fast"], "--time-scale must be a number of at least 1"],
  [[...needed, "--metrics-port", "65536"], "--metrics-port must be a port from 0 to 65535"],
  [[...needed, "--metrics-port", "1.5"], "--metrics-port must be a port from 0 to 65535"],
  [[...needed, "--scrape", "localhost:9464"], "--scrape must be an http or https address"],
  [[...needed, "--log-level", "loud"], "Allowed choices are"],
  [[...needed, "--tune"], "unknown option '--tune'"],
  [[...needed, "extra"], 'there is no task "extra"'],
])("%p is wrong usage", (args, message) => {
  const parsed = parseConfig(args);
  expect(parsed).toMatchObject({ ok: false, exitCode: 2 });
  if (!parsed.ok) expect(parsed.text).toContain(message);
});

test("every wrong value is named at once", () => {
  const parsed = parseConfig([...needed, "--time-scale", "0", "--metrics-port", "x"]);
  if (parsed.ok) throw new Error("accepted");
  expect(parsed.text.trim().split("\n")).toHaveLength(2);
});
