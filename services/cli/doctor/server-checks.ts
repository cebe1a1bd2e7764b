import type { EtcdExamination } from "../../node/examine-backends.ts";
import type { MongoFindings } from "../../store/mongo/examine.ts";
import { type Diagnosis, type DiagnosisBuilder, startDiagnosis } from "./diagnosis.ts";
import { clockSkewMsMax } from "./node-checks.ts";
import { knownNodes, type Observations } from "./observation.ts";

const notLookedAt = "not looked at: the settings here name no server";

/** The MongoDB that the settings name can be reached from here, and is fit to be a store. */
export function checkStoreServer({ backends }: Observations): readonly Diagnosis[] {
  const diagnosis = startDiagnosis("store server");
  const found = backends?.store;
  if (backends === undefined || found === undefined) return diagnosis.finish(notLookedAt);
  switch (found.kind) {
    case "unreachable":
      diagnosis.wrong(
        `MongoDB cannot be reached from here: ${found.reason}`,
        "is store.url right, and MongoDB running?",
      );
      return diagnosis.finish("");
    case "refused":
      diagnosis.wrong(
        `MongoDB refuses the user of store.url: ${found.reason}`,
        "is store.password right, and has the user the role readWrite on the database?",
      );
      return diagnosis.finish("");
    case "answered":
      judgeDeployment(diagnosis, found, backends.allowsUnsafe);
      judgeDatabase(diagnosis, found);
      return diagnosis.finish(`MongoDB ${found.version}, the database ${found.database} as it should be`);
  }
}

function judgeDeployment(diagnosis: DiagnosisBuilder, found: MongoFindings, allowsUnsafe: boolean): void {
  const { topologyProblem, aheadMs } = found;
  if (topologyProblem !== undefined) {
    const text = `acknowledged messages may be lost: ${topologyProblem}`;
    const advice = "use a replica set of three members; store.allowUnsafe is for development";
    if (allowsUnsafe) diagnosis.note(text, advice);
    else diagnosis.wrong(text, advice);
  }
  if (aheadMs === undefined || Math.abs(aheadMs) <= clockSkewMsMax) return;
  const seconds = (Math.abs(aheadMs) / 1_000).toFixed(1);
  diagnosis.note(
    `its clock is ${seconds} s ${aheadMs > 0 ? "ahead of" : "behind"} this one's`,
    "let all machines follow the same time server",
  );
}

function judgeDatabase(diagnosis: DiagnosisBuilder, found: MongoFindings): void {
  const { schemaVersion, schemaNewest, missingIndexes, database } = found;
  if (schemaVersion > schemaNewest)
    diagnosis.wrong(
      `the database ${database} has version ${schemaVersion}, and this program knows ${schemaNewest} at most`,
      "use the newer program",
    );
  else if (schemaVersion < schemaNewest)
    diagnosis.note(
      `the database ${database} has version ${schemaVersion}: the first node that starts makes it ${schemaNewest}`,
      "start a node",
    );
  if (missingIndexes.length > 0)
    diagnosis.wrong(
      `unique indexes are missing: ${missingIndexes.join("; ")}`,
      "nodes refuse to start without them: restore the indexes, too",
    );
  if (found.isUnfinished)
    diagnosis.wrong(
      `a copy to the database ${database} did not come to its end`,
      "run `parley store copy` again: it goes on where it was",
    );
}

/** Every etcd server that the settings name answers here. */
export function checkCoordinatorServer({ backends }: Observations): readonly Diagnosis[] {
  const diagnosis = startDiagnosis("coordinator server");
  const servers = backends?.coordinator;
  if (servers === undefined) return diagnosis.finish(notLookedAt);
  for (const server of servers) {
    if (server.kind === "answered") continue;
    diagnosis.wrong(
      `${server.endpoint} does not answer here: ${server.reason}`,
      "is coordinator.url right, and are user, password and certificates those of this etcd?",
    );
  }
  return diagnosis.finish(`etcd ${versionsOf(servers)}; ${servers.length} of ${servers.length} answer`);
}

/** Nodes know of those, in those incarnations, that etcd lists. */
export function checkRegistrations({ admins, backends }: Observations): readonly Diagnosis[] {
  const diagnosis = startDiagnosis("registrations");
  if (backends?.coordinator === undefined) return diagnosis.finish(notLookedAt);
  const { registered } = backends;
  if (registered === undefined)
    return diagnosis.finish("not compared: etcd does not list any to this machine");
  if (admins.every(({ cluster }) => cluster.kind === "silent"))
    return diagnosis.finish(`not compared: of the ${registered.length} in etcd no node was asked`);
  const known = new Map(knownNodes({ admins }).map((node) => [node.nodeId, node]));
  const listed = new Map(registered.map((record) => [record.nodeId, record]));
  for (const nodeId of listed.keys()) {
    if (known.has(nodeId)) continue;
    diagnosis.wrong(
      `${nodeId} is registered in etcd, and no node that was asked knows of it`,
      "do they use this coordinator.url, with this prefix? A node that has just started needs a moment",
    );
  }
  for (const { nodeId, incarnation } of known.values()) {
    const record = listed.get(nodeId);
    if (record === undefined)
      diagnosis.wrong(
        `nodes know of ${nodeId}, and it is not registered in etcd`,
        "do they use this coordinator.url, with this prefix? Where nodes do not reach etcd, they keep those that they knew",
      );
    else if (record.incarnation !== incarnation)
      diagnosis.wrong(
        `${nodeId} is known as the incarnation ${incarnation}, and registered in etcd as ${record.incarnation}`,
        "it registers anew within seconds; if this stays, two processes have that node.id, or nodes do not reach etcd",
      );
  }
  return diagnosis.finish(`the ${registered.length} in etcd are those that nodes know of`);
}

function versionsOf(servers: readonly EtcdExamination[]): string {
  const versions = servers.flatMap((server) =>
    server.kind === "answered" ? [server.version ?? "of a version that it does not tell"] : [],
  );
  return [...new Set(versions)].join(" and ");
}
