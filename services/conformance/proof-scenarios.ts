import { runBackendCut } from "./cluster/backend-cut-scenario.ts";
import { ofMongo } from "./cluster/backends.ts";
import { type CommitFreeze, runCommitFreeze } from "./cluster/commit-freeze-scenario.ts";
import { runCoordinatorOutage } from "./cluster/coordinator-outage-scenario.ts";
import { runEtcdFaults } from "./cluster/etcd-faults-scenario.ts";
import { runClusterFreeze } from "./cluster/freeze-scenario.ts";
import { runClusterKill } from "./cluster/kill-scenario.ts";
import { runLargeGroup } from "./cluster/large-group-scenario.ts";
import { type Cut, runPartition } from "./cluster/partition-scenario.ts";
import { runRolling } from "./cluster/rolling-scenario.ts";
import { runStoreOutage, type StoreOutage } from "./cluster/store-outage-scenario.ts";
import { runCrash } from "./crash/crash-scenario.ts";
import type { Progress, ScenarioReport } from "./harness/scenario-report.ts";
import { runReconnect } from "./reconnect/reconnect-scenario.ts";
import { runSlowReader } from "./slow-reader/slow-reader-scenario.ts";

/** What may be chosen, and what is taken otherwise. */
export const numbers = {
  seed: 7,
  rounds: 20,
  users: 20,
  drops: 200,
  entries: 10_000,
  rate: 1_000,
  seconds: 30,
  readers: 6,
  people: 30,
  kills: 12,
  freezes: 4,
  cuts: 6,
  restarts: 3,
  locked: 60,
  members: 1_000,
  crowd: 2_000,
} as const;

/** What was chosen. */
export type Sizes = Record<keyof typeof numbers, number>;

/** Whether there is such a number to choose. */
export function isSizeName(name: string): name is keyof Sizes {
  return Object.hasOwn(numbers, name);
}

/** How long a node is frozen, one after the other, in seconds. */
const freezesSeconds = [8, 30];

/**
 * Users and their pace on etcd and MongoDB: the stand-in for MongoDB looks through all entries at each read of a range, so
 * that a run writes 4,000 at most. What is judged is that nothing is lost; times are MongoDB's only where it is one.
 */
const onServers = { backends: "servers", users: 12, pauseFactor: 2 } as const;

/** Dead for long, frozen, then killed under load and started again at once. */
const storeOutages: readonly StoreOutage[] = [
  { harm: "killed", seconds: 20 },
  { harm: "frozen", seconds: 20 },
  ...Array.from({ length: 4 }, () => ({ harm: "killed", seconds: 1 }) as const),
];

/** How long a node stands still within a transaction, one after the other, and what ends it. */
const commitFreezes: readonly CommitFreeze[] = [
  { seconds: 8, end: "thaw" },
  { seconds: 8, end: "kill" },
  { seconds: 30, end: "thaw" },
  { seconds: 30, end: "kill" },
];

/** How a node is cut off, one after the other: a short while each way, then so long that it is a state to live with. */
const cuts: readonly Cut[] = [
  { kind: "both ways", seconds: 8 },
  { kind: "from it", seconds: 8 },
  { kind: "to it", seconds: 8 },
  { kind: "both ways", seconds: 40 },
  { kind: "from it", seconds: 40 },
  { kind: "to it", seconds: 40 },
];

/** The long form of a scenario. */
export interface Scenario {
  readonly title: string;
  /** The options that it takes, for the command in its section. */
  readonly sizes: readonly (keyof Sizes)[];
  run(sizes: Sizes, progress: Progress): Promise<ScenarioReport>;
}

const fileScenarios: Readonly<Record<string, Scenario>> = {
  crash: {
    title: "Crash: kill -9 under load",
    sizes: ["rounds", "users", "seed"],
    run: ({ rounds, users, seed }, progress) => runCrash({ rounds, users, seed, progress }),
  },
  reconnect: {
    title: "Reconnect: a device that drops at random moments",
    sizes: ["drops", "entries", "seed"],
    run: ({ drops, entries, seed }, progress) => runReconnect({ drops, entries, seed, progress }),
  },
  "slow-reader": {
    title: "Slow reader: 1 kB/s in a busy group",
    sizes: ["rate", "seconds", "readers"],
    run: ({ rate, seconds, readers }, progress) =>
      runSlowReader({
        messagesPerSecond: rate,
        seconds,
        readers,
        latencyFactorMax: 2,
        latencyFloorMs: 20,
        progress,
      }),
  },
  "cluster-kill": {
    title: "Three nodes: kill -9 of one every 5 s",
    sizes: ["kills", "people", "seed"],
    run: ({ kills, people, seed }, progress) =>
      runClusterKill({
        rounds: kills,
        moments: ["in a burst"],
        awaitRest: true,
        users: people,
        seed,
        outageMsMax: 1_000,
        progress,
      }),
  },
  "cluster-commit-kill": {
    title: "Three nodes: kill -9 exactly between commit and push",
    sizes: ["kills", "people", "seed"],
    run: ({ kills, people, seed }, progress) =>
      runClusterKill({
        rounds: kills,
        moments: ["after a commit in a group", "after a direct commit"],
        users: people,
        seed,
        outageMsMax: 1_000,
        progress,
      }),
  },
  "cluster-freeze": {
    title: "Three nodes: SIGSTOP of one, SIGCONT later",
    sizes: ["freezes", "people", "seed"],
    run: ({ freezes, people, seed }, progress) =>
      runClusterFreeze({
        freezesSeconds: inTurn(freezesSeconds, freezes),
        calmSeconds: 12,
        users: people,
        seed,
        outageMsMax: 5_000,
        progress,
      }),
  },
  "cluster-commit-freeze": {
    title: "Three nodes: SIGSTOP of one exactly within a transaction, then SIGCONT or kill -9",
    sizes: ["freezes", "people", "seed"],
    run: ({ freezes, people, seed }, progress) =>
      runCommitFreeze({
        freezes: inTurn(commitFreezes, freezes),
        calmSeconds: 12,
        users: people,
        seed,
        backMsMax: 2_000,
        progress,
      }),
  },
  "cluster-partition": {
    title: "Three nodes: one is cut off from the others, both ways and one way",
    sizes: ["cuts", "people", "seed"],
    run: ({ cuts: count, people, seed }, progress) =>
      runPartition({
        cuts: inTurn(cuts, count),
        calmSeconds: 12,
        users: people,
        seed,
        outageMsMax: 5_000,
        progress,
      }),
  },
  "cluster-rolling": {
    title: "Three nodes: a rolling restart by SIGTERM",
    sizes: ["restarts", "people", "seed"],
    run: ({ restarts, people, seed }, progress) =>
      runRolling({ rounds: restarts, users: people, seed, progress }),
  },
  "cluster-coordinator": {
    title: "Three nodes: the coordinator's file is locked",
    sizes: ["locked", "people", "seed"],
    run: ({ locked, people, seed }, progress) =>
      runCoordinatorOutage({ seconds: locked, users: people, seed, outageMsMax: 1_000, progress }),
  },
  "cluster-group": {
    title: "Two nodes: a large group, and a crowd that comes and goes at once",
    sizes: ["members", "crowd"],
    run: ({ members, crowd }, progress) =>
      runLargeGroup({ members, crowd, rates: [1, 10], secondsPerRate: 30, attachesPerSecond: 500, progress }),
  },
};

/** The same on etcd and MongoDB, for what its stand-in can bear; see `onServers`. */
const serverScenarios: Readonly<Record<string, Scenario>> = {
  "servers-kill": {
    title: "Three nodes on etcd and MongoDB: kill -9 of one, also exactly between commit and push",
    sizes: ["kills", "seed"],
    run: ({ kills, seed }, progress) =>
      runClusterKill({
        ...onServers,
        rounds: kills,
        moments: ["in a burst", "after a commit in a group", "after a direct commit"],
        seed,
        outageMsMax: ofMongo(1_000),
        progress,
      }),
  },
  "servers-freeze": {
    title: "Three nodes on etcd and MongoDB: SIGSTOP of one, SIGCONT later",
    sizes: ["freezes", "seed"],
    run: ({ freezes, seed }, progress) =>
      runClusterFreeze({
        ...onServers,
        freezesSeconds: inTurn(freezesSeconds, freezes),
        calmSeconds: 12,
        seed,
        outageMsMax: ofMongo(5_000),
        progress,
      }),
  },
  "servers-partition": {
    title: "Three nodes on etcd and MongoDB: one is cut off from the others",
    sizes: ["cuts", "seed"],
    run: ({ cuts: count, seed }, progress) =>
      runPartition({
        ...onServers,
        cuts: inTurn(cuts, count),
        calmSeconds: 12,
        seed,
        outageMsMax: ofMongo(5_000),
        progress,
      }),
  },
  "servers-rolling": {
    title: "Three nodes on etcd and MongoDB: a rolling restart by SIGTERM",
    sizes: ["restarts", "seed"],
    run: ({ restarts, seed }, progress) => runRolling({ ...onServers, rounds: restarts, seed, progress }),
  },
  "servers-etcd": {
    title: "Three nodes on etcd and MongoDB: etcd is dead",
    sizes: ["locked", "seed"],
    run: ({ locked, seed }, progress) =>
      runCoordinatorOutage({
        ...onServers,
        seconds: locked,
        seed,
        outageMsMax: ofMongo(1_000) ?? 10_000,
        progress,
      }),
  },
  "etcd-faults": {
    title:
      "etcd beneath a coordinator: killed, stopped and frozen for 60 s, compacted, its watch cut at every byte",
    sizes: [],
    run: () => runEtcdFaults(),
  },
  "servers-mongodb": {
    title: "Three nodes on etcd and MongoDB: MongoDB is dead, frozen, and killed again and again",
    sizes: ["seed"],
    run: ({ seed }, progress) =>
      runStoreOutage({
        ...onServers,
        outages: storeOutages,
        calmSeconds: 8,
        returnMsMax: 20_000,
        seed,
        progress,
      }),
  },
  "servers-cut": {
    title: "Three nodes on etcd and MongoDB: one is cut off from MongoDB alone, or from etcd alone",
    sizes: ["seed"],
    run: ({ seed }, progress) =>
      runBackendCut({
        ...onServers,
        cuts: [
          { from: "store", seconds: 30 },
          { from: "coordinator", seconds: 30 },
        ],
        calmSeconds: 12,
        seed,
        // Without a cure it is as long as the cut, on whatever store.
        outageMsMax: ofMongo(5_000) ?? 15_000,
        progress,
      }),
  },
};

/** By the name that `--only` takes. */
export const scenarios: Readonly<Record<string, Scenario>> = { ...fileScenarios, ...serverScenarios };

/** Whether a scenario needs etcd and a server that speaks MongoDB's protocol. */
export function isOnServers(name: string): boolean {
  return Object.hasOwn(serverScenarios, name);
}

/** The first `count` of the choices, beginning again after the last one. */
function inTurn<T>(choices: readonly T[], count: number): T[] {
  return Array.from({ length: Math.ceil(count / choices.length) }, () => choices)
    .flat()
    .slice(0, count);
}
