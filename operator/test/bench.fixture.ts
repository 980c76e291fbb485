import { afterAll, beforeAll } from "bun:test";
import {
  startCluster,
  type StartClusterOptions,
  type TestCluster,
  useCluster,
} from "@mestore/tools/cluster/test-cluster";
import { waitFor } from "@mestore/tools/stack/wait-for";
import { type ApiProxy, openApiProxy } from "./api-proxy.fixture.ts";
import {
  type AccountOptions,
  createOperatorAccount,
  type OperatorAccount,
} from "./operator-account.fixture.ts";
import type { OperatorProcess } from "./operator-process.fixture.ts";
import { openShop, type Shop, type ShopOptions } from "./shop.fixture.ts";

/** A minute of the laws is a second. */
export const fast = ["--time-scale", "60"] as const;

/** What the tests of one file open on the API server; all of it is closed after the last of them. */
export interface Bench {
  /** That of the run, which others use at the same moment. */
  readonly cluster: TestCluster;
  /** Closes this after the last test, and what was opened later before it. */
  closeAfter(close: () => unknown): void;
  /** A cluster to hurt. */
  startCluster(options?: StartClusterOptions): Promise<TestCluster>;
  openShop(options?: ShopOptions, on?: TestCluster): Promise<Shop>;
  createAccount(
    options: Omit<AccountOptions, "cluster">,
    on?: TestCluster,
  ): Promise<OperatorAccount>;
  openProxy(account: OperatorAccount, on?: TestCluster): Promise<ApiProxy>;
}

/** A bench for the file that calls this. */
export function useBench(): Bench {
  const closing: (() => unknown)[] = [];
  let cluster: TestCluster | undefined;
  beforeAll(async () => {
    cluster = await useCluster();
  }, 60_000);
  afterAll(async () => {
    for (const close of closing.toReversed()) await close();
  }, 60_000);

  const shared = () => expectThere(cluster);
  async function closedAfter<T extends object>(
    opening: Promise<T>,
    close: (one: T) => unknown,
  ): Promise<T> {
    const one = await opening;
    closing.push(() => close(one));
    return one;
  }
  return {
    get cluster() {
      return shared();
    },
    closeAfter: (close) => void closing.push(close),
    startCluster: (options) => closedAfter(startCluster(options), (one) => one.stop()),
    openShop: (options, on = shared()) => closedAfter(openShop(on, options), (one) => one.close()),
    createAccount: (options, on = shared()) =>
      closedAfter(createOperatorAccount({ cluster: on, ...options }), (one) => one.close()),
    openProxy: (account, on = shared()) =>
      closedAfter(openApiProxy(on, account.kubeconfig), (one) => one.close()),
  };
}

/** Shops by name, and the operator that works on all of them. */
export interface TunedShops<Name extends string> {
  readonly bench: Bench;
  readonly cluster: TestCluster;
  readonly account: OperatorAccount;
  readonly operator: OperatorProcess;
  of(name: Name): Shop;
  all(): readonly (readonly [Name, Shop])[];
}

export interface UseShopsOptions<Name extends string> extends Pick<AccountOptions, "rules"> {
  /** Starts the process that works on them. Default: a fast one, which leads. */
  readonly begin?: (shops: TunedShops<Name>) => Promise<OperatorProcess>;
}

/** A shop for each test of a file, and one process for all of them. */
export function useShops<Name extends string>(
  names: Readonly<Record<Name, ShopOptions>>,
  { begin = startFast, ...granted }: UseShopsOptions<Name> = {},
): TunedShops<Name> {
  const bench = useBench();
  const opened = new Map<Name, Shop>();
  let account: OperatorAccount | undefined;
  let operator: OperatorProcess | undefined;
  const shops: TunedShops<Name> = {
    bench,
    get cluster() {
      return bench.cluster;
    },
    get account() {
      return expectThere(account);
    },
    get operator() {
      return expectThere(operator);
    },
    of: (name) => expectThere(opened.get(name)),
    all: () => [...opened],
  };
  beforeAll(async () => {
    await Promise.all(
      (Object.keys(names) as Name[]).map(async (name) =>
        opened.set(name, await bench.openShop(names[name])),
      ),
    );
    const namespaces = shops.all().map(([, { namespace }]) => namespace);
    account = await bench.createAccount({ namespaces, ...granted });
    operator = await begin(shops);
  }, 150_000);
  return shops;
}

function expectThere<T>(one: T | undefined): T {
  if (one === undefined) throw new Error("it is there once the tests begin");
  return one;
}

async function startFast({
  account,
}: Pick<TunedShops<string>, "account">): Promise<OperatorProcess> {
  const operator = await account.start(fast);
  await waitFor(() => operator.leads(), { what: "the operator to lead", timeoutMs: 30_000 });
  return operator;
}
