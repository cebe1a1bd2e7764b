import { type Diagnosis, startDiagnosis } from "./diagnosis.ts";
import { nameOf } from "./gauge-checks.ts";
import type { Observations, PublicObservation } from "./observation.ts";

/** Clients reach every node where it says that they do. */
export function checkPublicAddresses({ publics }: Observations): readonly Diagnosis[] {
  const diagnosis = startDiagnosis("public address");
  for (const observed of publics) {
    const { url, answer } = observed;
    if (answer.kind === "silent") {
      const advice =
        "set public.url to what clients use, and look at what lies between; from the node's own machine it may work";
      diagnosis.wrong(`nobody answers at ${url}${whose(observed)}: ${answer.reason}`, advice);
    } else if (answer.status !== 200) {
      const advice = "is this a Parley node? A proxy in between must pass everything on";
      diagnosis.wrong(
        `${url}${whose(observed)} answers ${answer.status} where a node names its keys`,
        advice,
      );
    }
  }
  return diagnosis.finish(`${publics.length} answer`);
}

const storeAdvice = "is store.url right, the disk not full, the store running? Streams stay up meanwhile";

/** Every node can read the store, and says so. */
export function checkStore({ admins, publics }: Observations): readonly Diagnosis[] {
  const diagnosis = startDiagnosis("store");
  for (const observed of publics) {
    const { url, store, answer } = observed;
    if (store.kind === "read" || answer.kind === "silent") continue;
    const text = `${url}${whose(observed)}: ${store.reason}`;
    if (store.kind === "unknown") diagnosis.note(`could not be told at ${text}`, "try again in a minute");
    else diagnosis.wrong(`cannot be read at ${text}`, storeAdvice);
  }
  const told = new Set(publics.filter(({ store }) => store.kind === "refused").map(({ nodeId }) => nodeId));
  for (const admin of admins) {
    if (admin.metrics.kind === "silent" || admin.metrics.gauges.storeAway !== true) continue;
    // A login there has failed for the same reason.
    if (admin.cluster.kind === "answered" && told.has(admin.cluster.nodeId)) continue;
    diagnosis.wrong(`${nameOf(admin)} says that it does not reach the store`, storeAdvice);
  }
  return diagnosis.finish("every node that answers reads it");
}

function whose({ nodeId }: PublicObservation): string {
  return nodeId === undefined ? "" : ` (${nodeId})`;
}
