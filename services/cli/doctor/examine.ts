import {
  checkAnswers,
  checkDraining,
  checkLinks,
  checkMembership,
  checkRoles,
  checkVersions,
} from "./cluster-checks.ts";
import type { Diagnosis } from "./diagnosis.ts";
import { checkCertificates, checkCoordinator } from "./gauge-checks.ts";
import {
  checkAdminListeners,
  checkClocks,
  checkHealth,
  checkNodeIds,
  checkReadiness,
} from "./node-checks.ts";
import type { Observations } from "./observation.ts";
import { checkPublicAddresses, checkStore } from "./public-checks.ts";
import { checkCoordinatorServer, checkRegistrations, checkStoreServer } from "./server-checks.ts";

/** All checks, in the order in which they are told. */
const checks: readonly ((observations: Observations) => readonly Diagnosis[])[] = [
  checkAdminListeners,
  checkHealth,
  checkReadiness,
  checkClocks,
  checkNodeIds,
  checkMembership,
  checkAnswers,
  checkVersions,
  checkRoles,
  checkLinks,
  checkDraining,
  checkPublicAddresses,
  checkStore,
  checkCoordinator,
  checkCertificates,
  checkStoreServer,
  checkCoordinatorServer,
  checkRegistrations,
];

/** Runs every check; each says at least one thing. */
export function examine(observations: Observations): readonly Diagnosis[] {
  return checks.flatMap((check) => check(observations));
}
