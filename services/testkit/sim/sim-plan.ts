import type { CoreLimits } from "../../node/node-core.ts";
import { type SeededRng, seededRng } from "../seeded-rng.ts";
import type { SimFaultKind } from "./sim-faults.ts";
import { simFaultKinds } from "./sim-faults.ts";
import type { SimStoreKind } from "./sim-store-core.ts";

/**
 * `safety`: faults to the end, and nothing that was promised may be broken meanwhile. `liveness`: the faults end, and then
 * everything has to converge.
 */
export type SimMode = "safety" | "liveness";

/** What one seed means. */
export interface SimPlan {
  readonly seed: number;
  readonly mode: SimMode;
  readonly nodes: number;
  readonly clients: number;
  readonly accounts: number;
  readonly groups: number;
  readonly storeKind: SimStoreKind;
  /** What reads of a store like `mongo` show; `majority` when unset, as production asks for. */
  readonly readConcern?: "majority" | "local";
  readonly limits: CoreLimits;
  /** Faults that happen in this run; none in some. */
  readonly faults: readonly SimFaultKind[];
  /** Between two of them, at most. */
  readonly faultGapMsMax: number;
  readonly appendFaultRate: number;
  readonly writeFaultRate: number;
  readonly readFaultRate: number;
  readonly frameBreakRate: number;
  readonly coordinatorFaultRate: number;
  readonly streamBytesMax: number;
  /** Of a node's clock against the right one, as a part of it. */
  readonly driftMax: number;
  /** Between two sends of one device, at most. */
  readonly thinkMsMax: number;
  /** Between two changes of a group, at most. */
  readonly changeMsMax: number;
  /** When people start to write, and when they end. */
  readonly startMs: number;
  readonly endMs: number;
}

/** How long people write, in virtual milliseconds. */
const loadMs = 58_000;

/** From here on people write; the nodes have found one another until then, or not. */
const startMs = 2_000;

/** All devices together send about this often in a second, however many they are. */
const sendsPerSecondMax = 9;

/** Of all runs, in how many the store may be put back. */
const restoreRate = 0.15;

/** What a run has to be like, whatever its seed says; for scenarios and tests. */
export type SimPlanChanges = Partial<Omit<SimPlan, "seed">>;

/** Draws the plan of a seed: everything about a run follows from it. */
export function drawPlan(seed: number, changes: SimPlanChanges = {}): SimPlan {
  const rng = seededRng(seed);
  const sometimes = (rate: number, value: number): number => (rng.fraction() < rate ? value : 0);
  const clients = 2 + Math.floor(39 * rng.fraction() ** 2);
  const faults = simFaultKinds.filter(() => rng.fraction() < 0.4);
  const drawn: SimPlan = {
    seed,
    mode: rng.fraction() < 0.5 ? "liveness" : "safety",
    nodes: rng.pick([1, 2, 3, 3, 4, 5]),
    clients,
    accounts: Math.max(2, Math.ceil(clients * (0.5 + 0.5 * rng.fraction()))),
    groups: 1 + rng.integerBelow(4),
    storeKind: rng.pick(["sqlite", "mongo"]),
    limits: drawLimits(rng),
    faults,
    faultGapMsMax: 1_000 + rng.integerBelow(7_000),
    appendFaultRate: sometimes(0.7, 0.1 * rng.fraction()),
    writeFaultRate: sometimes(0.5, 0.05 * rng.fraction()),
    readFaultRate: sometimes(0.5, 0.05 * rng.fraction()),
    frameBreakRate: sometimes(0.3, 0.002 * rng.fraction()),
    coordinatorFaultRate: sometimes(0.5, 0.3 * rng.fraction()),
    streamBytesMax: rng.pick([4, 16, 64, 64]) * 1_024,
    driftMax: rng.pick([0, 0.0002, 0.01]),
    thinkMsMax: (2 * clients * 1_000) / (1 + rng.fraction() * sendsPerSecondMax),
    changeMsMax: 15_000,
    startMs,
    endMs: startMs + loadMs,
  };
  const isRestored = rng.fraction() < restoreRate;
  return { ...drawn, ...(isRestored && restored(drawn)), ...changes };
}

/** A run has to come to rest: a device that was not told yet holds what the store has no more. */
function restored({ faults }: SimPlan): Pick<SimPlan, "faults" | "mode"> {
  return { faults: [...faults, "restore"], mode: "liveness" };
}

/** Often tiny ones, so that what happens at a limit happens in every other run. */
function drawLimits(rng: SeededRng): CoreLimits {
  const tiny = <T>(rate: number, limits: T): Partial<T> => (rng.fraction() < rate ? limits : {});
  return {
    append: {
      ...tiny(0.3, { batchEntriesMax: 1 + rng.integerBelow(4) }),
      ...tiny(0.3, { recentIdsMax: 1 + rng.integerBelow(3), recentBytesMax: 300 }),
      ...tiny(0.2, { loadedConversationsMax: 1 + rng.integerBelow(3) }),
      ...tiny(0.2, { orderedStreamsMax: 1 + rng.integerBelow(4) }),
      ...tiny(0.2, { readBackIdsMax: 1 + rng.integerBelow(3) }),
      ...tiny(0.2, { waitingPerConversationMax: 2 + rng.integerBelow(6) }),
      ...tiny(0.3, { lanes: 1 + rng.integerBelow(8) }),
    },
    feeds: {
      ...tiny(0.3, { ringEntriesMax: 1 + rng.integerBelow(4) }),
      ...tiny(0.3, { heldEntriesMax: 1 + rng.integerBelow(3) }),
      ...tiny(0.3, { behindEntriesMax: 1 + rng.integerBelow(20) }),
      ...tiny(0.3, { pageEntriesMax: 1 + rng.integerBelow(5) }),
      ...tiny(0.2, { pageReadsMax: 1, gapReadsMax: 1, placementsMax: 1 }),
    },
  };
}
