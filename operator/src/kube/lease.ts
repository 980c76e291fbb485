import { operatorMetrics } from "@mestore/contract/metrics";
import type { Logger } from "@mestore/telemetry/logger";
import type { Registry } from "@mestore/telemetry/registry";
import { LeaseLostError } from "../control/ports.ts";
import type { ServiceAccount } from "./connection.ts";
import { describeFailure } from "./failure.ts";
import type { KubeObject } from "./objects.ts";
import { leases } from "./resources.ts";
import type { KubeTime } from "./time.ts";
import type { KubeRequest, KubeTransport } from "./transport.ts";

export interface LeaseTiming {
  /** How long others wait after the last renewal that they saw. */
  readonly durationSeconds: number;
  /** A leader that could not renew for so long steps down; less than the duration. */
  readonly renewDeadlineSeconds: number;
  /** Between renewals, and between looks of those who stand by. */
  readonly retrySeconds: number;
}

/** The defaults of client-go's leader election. */
export const leaseTiming: LeaseTiming = {
  durationSeconds: 15,
  renewDeadlineSeconds: 10,
  retrySeconds: 2,
};

export interface LeaseOptions {
  readonly transport: KubeTransport;
  readonly namespace: string;
  readonly name: string;
  /** Unlike that of every other process, also of an earlier one of the same pod. */
  readonly identity: string;
  readonly timing?: LeaseTiming;
  /**
   * An account of the same namespace that the lease goes with, so that an uninstallation leaves none behind.
   * Null: it stays.
   */
  readonly owner?: ServiceAccount | null;
  /**
   * Takes the lease from whoever has it, and leaves it to run out at the end: for what must be done before
   * everybody who leads is removed.
   */
  readonly seize?: boolean;
  readonly time: KubeTime;
  readonly registry: Registry;
  readonly logger: Logger;
}

export interface Lease {
  /**
   * Waits for the lease, does `work` while it is held, and waits again when it is lost, until `signal`
   * aborts; then the lease is given back, so that the next process need not wait. `work` must end soon
   * after its signal aborts, with a LeaseLostError as the reason where another may lead by now. What it
   * throws ends `run`.
   */
  run(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void>;
  /** Whether this process may write at this moment. */
  isHeld(): boolean;
}

/** Even just before the deadline a request may leave and an answer come. */
const shortestAttemptSeconds = 0.1;

/** Giving back is worth some patience: else the next process waits for the whole lease. */
const releaseMs = 2000;
const releaseAttempts = 3;

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

type LeaseObject = KubeObject & { readonly spec?: LeaseSpec };

/** What was seen of the lease, and when that was new to us. */
interface Sighting {
  readonly lease: LeaseObject;
  readonly atSeconds: number;
}

/**
 * Leader election on a coordination.k8s.io Lease. Every write is compare-and-swap on its version. Whether
 * another's lease has expired is judged by how long it has stood unchanged before our own eyes, on a
 * monotonic clock: clocks of machines may differ and step.
 */
export function createLease(options: LeaseOptions): Lease {
  const { transport, identity, time, logger, timing = leaseTiming } = options;
  const path = leases.objectPath(options.namespace, options.name);
  const gauge = options.registry.cell(operatorMetrics.leader, {});
  gauge.set(0);
  let sighting: Sighting | null = null;
  /** When the renewal was sent that the server last took; null: not held. */
  let renewedAt: number | null = null;

  /** Until the deadline of what is held. */
  function leftSeconds(): number {
    const spent = renewedAt === null ? 0 : time.monotonicSeconds() - renewedAt;
    return timing.renewDeadlineSeconds - spent;
  }

  const isHeld = () => renewedAt !== null && leftSeconds() > 0;

  /** An attempt that outlasts the deadline would keep the leader from noticing that it is none. */
  const attemptMs = () => Math.max(leftSeconds(), shortestAttemptSeconds) * 1000;

  function see(lease: LeaseObject): Sighting {
    if (lease.spec?.holderIdentity !== identity) renewedAt = null;
    if (sighting?.lease.metadata.resourceVersion !== lease.metadata.resourceVersion)
      sighting = { lease, atSeconds: time.monotonicSeconds() };
    return sighting;
  }

  function mayTake({ lease, atSeconds }: Sighting): boolean {
    const { holderIdentity = "", leaseDurationSeconds = timing.durationSeconds } = lease.spec ?? {};
    if (holderIdentity === "" || holderIdentity === identity || options.seize) return true;
    return time.monotonicSeconds() - atSeconds >= leaseDurationSeconds;
  }

  /** Sees who has the lease now, if anybody does; false: the server does not say. */
  async function look(signal?: AbortSignal, timeoutMs = attemptMs()): Promise<boolean> {
    const found = await transport.request<LeaseObject>({
      ...{ method: "GET", path, timeoutMs },
      ...(signal && { signal }),
    });
    if (found.ok) see(found.body);
    else if (found.status === 404) sighting = null;
    else logger.warn({ detail: describeFailure(found) }, "the lease cannot be read");
    return found.ok || found.status === 404;
  }

  /** One attempt to take or renew; false: another has it, or the server did not answer. */
  async function hold(signal?: AbortSignal): Promise<boolean> {
    const sentAt = time.monotonicSeconds();
    const timeoutMs = attemptMs();
    const ask = <T>(request: Omit<KubeRequest, "path" | "timeoutMs"> & { path?: string }) =>
      transport.request<T>({ path, timeoutMs, ...(signal && { signal }), ...request });
    // A renewal needs no look before it: the version tells whether anybody wrote in between.
    if ((sighting === null || renewedAt === null) && !(await look(signal, timeoutMs))) return false;
    const known = sighting;
    if (known !== null && !mayTake(known)) return false;
    const written = await ask<LeaseObject>(
      known === null
        ? {
            method: "POST",
            path: leases.path(options.namespace),
            body: leaseBody(options, null, planSpec(null, identity, timing, time.nowSeconds())),
          }
        : {
            method: "PUT",
            body: leaseBody(
              options,
              known.lease.metadata.resourceVersion,
              planSpec(known.lease.spec ?? {}, identity, timing, time.nowSeconds()),
            ),
          },
    );
    if (!written.ok) {
      // Somebody wrote: the next attempt looks who.
      if (written.status === 409 || written.status === 404) sighting = null;
      const isNews = written.status !== 409 && written.reason !== "GivenUp";
      logger[isNews ? "warn" : "debug"](
        { detail: describeFailure(written) },
        "the lease cannot be written",
      );
      return false;
    }
    see(written.body);
    renewedAt = sentAt;
    return true;
  }

  /** Renews until that has failed for too long, another has the lease, or `signal` aborts. */
  async function renew(signal: AbortSignal): Promise<void> {
    for (;;) {
      await time.sleep(Math.min(timing.retrySeconds, leftSeconds()), signal);
      if (signal.aborted || !isHeld()) return;
      if (await hold(signal)) continue;
      // After a conflict: was it another who wrote?
      if (sighting === null && !signal.aborted) await look(signal);
      if (!isHeld()) return;
    }
  }

  async function release(): Promise<void> {
    const mine = isHeld() ? sighting : null;
    renewedAt = null;
    if (mine === null || options.seize) return;
    let { lease } = mine;
    for (let attempt = 1; ; attempt += 1) {
      const spec: LeaseSpec = { ...lease.spec, holderIdentity: "", leaseDurationSeconds: 1 };
      const body = leaseBody(options, lease.metadata.resourceVersion, spec);
      const released = await transport.request<LeaseObject>({
        ...{ method: "PUT", path, body, timeoutMs: releaseMs },
      });
      if (released.ok) return logger.info("lease given back");
      // A renewal whose answer nobody waited for may have moved its version on.
      const newest = await transport.request<LeaseObject>({
        ...{ method: "GET", path, timeoutMs: releaseMs },
      });
      const isOurs = newest.ok && newest.body.spec?.holderIdentity === identity;
      if (!isOurs || attempt === releaseAttempts)
        return logger.warn(
          { detail: describeFailure(released) },
          "the lease could not be given back",
        );
      lease = newest.body;
    }
  }

  /** Holds the lease over `work`; the first of the two to end ends the other. */
  async function lead(
    work: (signal: AbortSignal) => Promise<void>,
    outer: AbortSignal,
  ): Promise<void> {
    const working = new AbortController();
    const renewing = new AbortController();
    const stop = () => working.abort();
    outer.addEventListener("abort", stop);
    if (outer.aborted) stop();
    gauge.set(1);
    logger.info({ identity }, "leading");
    // The lease is renewed while the work winds up, so that its last writes are still ours.
    const renewal = renew(renewing.signal).finally(() => {
      // At once: what winds up may take its time, and another leads by then.
      if (!isHeld()) {
        gauge.set(0);
        logger.warn({ identity }, "the lease is lost");
      }
      working.abort(new LeaseLostError(`${identity} no longer holds the lease`));
    });
    try {
      await work(working.signal);
    } finally {
      renewing.abort();
      await renewal;
      outer.removeEventListener("abort", stop);
      gauge.set(0);
      await release();
    }
  }

  return {
    isHeld,
    async run(work, signal) {
      while (!signal.aborted) {
        if (await hold(signal)) await lead(work, signal);
        else renewedAt = null;
        if (signal.aborted) return;
        // A fifth more or less: those who stand by do not all try in the same moment.
        const pause = timing.retrySeconds * (0.8 + 0.4 * time.random());
        await time.sleep(pause, signal);
      }
    },
  };
}

function planSpec(
  before: LeaseSpec | null,
  identity: string,
  timing: LeaseTiming,
  nowSeconds: number,
): LeaseSpec {
  const now = microTime(nowSeconds);
  const mine = before?.holderIdentity === identity;
  const transitions = before?.leaseTransitions ?? 0;
  return {
    holderIdentity: identity,
    leaseDurationSeconds: timing.durationSeconds,
    acquireTime: (mine ? before.acquireTime : undefined) ?? now,
    renewTime: now,
    leaseTransitions: before === null || mine ? transitions : transitions + 1,
  };
}

function leaseBody(
  { namespace, name, owner = null }: LeaseOptions,
  resourceVersion: string | null,
  spec: LeaseSpec,
) {
  const version = resourceVersion === null ? {} : { resourceVersion };
  return {
    apiVersion: leases.apiVersion,
    kind: leases.kind,
    metadata: {
      namespace,
      name,
      ...version,
      ...(owner !== null && {
        ownerReferences: [{ apiVersion: "v1", kind: "ServiceAccount", ...owner }],
      }),
    },
    spec,
  };
}

/** `MicroTime`: six digits behind the second. */
export function microTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace("Z", "000Z");
}
