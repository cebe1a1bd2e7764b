import { expiryWarnDays } from "../../node/certificate-files.ts";
import { type Diagnosis, startDiagnosis } from "./diagnosis.ts";
import type { AdminObservation, Observations } from "./observation.ts";

const dayMs = 86_400_000;

/** A certificate that ends sooner is noted, in days. Nodes warn of it in their logs as early. */
export const certificateNoteDays = expiryWarnDays;

/** A certificate that ends sooner is wrong, in days: a weekend may lie between. */
export const certificateWrongDays = 3;

/** Every node reaches the coordinator. */
export function checkCoordinator({ admins }: Observations): readonly Diagnosis[] {
  const diagnosis = startDiagnosis("coordinator");
  for (const admin of admins) {
    // Another check has told that nobody is there.
    if (admin.healthz.kind === "silent") continue;
    const { metrics } = admin;
    const available = metrics.kind === "read" ? metrics.gauges.coordinatorAvailable : undefined;
    if (available === true) continue;
    if (available === undefined) {
      const reason = metrics.kind === "read" ? "the page does not say" : metrics.reason;
      const advice = "is it a node of a version that measures it? A proxy in between must pass /metrics on";
      diagnosis.note(`could not be told at ${admin.url}/metrics: ${reason}`, advice);
    } else {
      const advice =
        "is coordinator.url right, and does its server run? Nodes keep the list that they have meanwhile";
      diagnosis.wrong(`${nameOf(admin)} does not reach the coordinator`, advice);
    }
  }
  return diagnosis.finish("every node that answers reaches it");
}

/** No certificate that a node shows ends soon. */
export function checkCertificates({ admins, atMs }: Observations): readonly Diagnosis[] {
  const diagnosis = startDiagnosis("certificates");
  for (const admin of admins) {
    if (admin.metrics.kind === "silent") continue;
    for (const { port, untilMs } of admin.metrics.gauges.certificates) {
      const leftMs = untilMs - atMs;
      if (leftMs > certificateNoteDays * dayMs) continue;
      const what = `the certificate of ${nameOf(admin)}'s ${port} port`;
      const when = `${leftMs > 0 ? "ends" : "ended"} at ${timeText(untilMs)}`;
      const advice = "put a new one in the place of its files: the node reads them within 5 s";
      if (leftMs > certificateWrongDays * dayMs) diagnosis.note(`${what} ${when}`, advice);
      else diagnosis.wrong(`${what} ${when}`, advice);
    }
  }
  return diagnosis.finish(`none that is known ends within ${certificateNoteDays} days`);
}

/** A node as people know it: its id when it says one. */
export function nameOf({ url, cluster }: AdminObservation): string {
  return cluster.kind === "silent" ? url : cluster.nodeId;
}

/** A number from a page may lie outside of what a date can be. */
function timeText(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? "an impossible time" : date.toISOString();
}
