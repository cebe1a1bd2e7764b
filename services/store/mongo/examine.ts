import { type Db, type Document, type MongoClient, MongoServerError } from "mongodb";
import { type Clock, sleep } from "../../kernel/clock.ts";
import { thrownError } from "../../kernel/thrown-error.ts";
import { storeCopyIndexes } from "./copy.ts";
import { mongoLimits } from "./limits.ts";
import { missingUniqueIndexes, readSchemaVersion } from "./migrate.ts";
import { createMongoClient, type MongoAccess, unreadableUrl, versionOf } from "./mongo-client.ts";
import { databaseNameOf } from "./mongo-url.ts";
import { migrations } from "./schema.ts";
import { topologyProblem } from "./topology-check.ts";

/** Which MongoDB is looked at, and by which clock its own is judged. */
export interface MongoExamineOptions extends MongoAccess {
  readonly clock: Clock;
}

/** A MongoDB, as it was found. No text in it holds a password. */
export type MongoExamination =
  /** No server that takes writes answered. */
  | { readonly kind: "unreachable"; readonly reason: string }
  /** A server answered, and does not take this user, or does not let it read. */
  | { readonly kind: "refused"; readonly reason: string }
  | MongoFindings;

/** What a primary said about its deployment and the database. */
export interface MongoFindings {
  readonly kind: "answered";
  readonly version: string;
  /** As `topologyProblem` says it. */
  readonly topologyProblem: string | undefined;
  /** By how much the primary's clock is ahead of this one, in milliseconds; unset when it does not tell. */
  readonly aheadMs: number | undefined;
  readonly database: string;
  /** 0: it holds no store yet. */
  readonly schemaVersion: number;
  /** The one that this program writes. */
  readonly schemaNewest: number;
  /** Of those that a store of its version has: `collection (field, field)` each. */
  readonly missingIndexes: readonly string[];
  /** A copy to it did not come to its end. */
  readonly isUnfinished: boolean;
}

const [unauthorized, authenticationFailed] = [13, 18];

/** Looks at a MongoDB without writing to it. Ends within `mongoLimits.examineMsMax`, and does not reject. */
export async function examineMongo(options: MongoExamineOptions): Promise<MongoExamination> {
  const { clock } = options;
  let client: MongoClient;
  try {
    client = createMongoClient(options, { maxPoolSize: 2 });
  } catch {
    return { kind: "unreachable", reason: unreadableUrl };
  }
  const given = new AbortController();
  try {
    const late = sleep(clock, mongoLimits.examineMsMax, given.signal).then(() => tooLate);
    return await Promise.race([look(client, options).catch(failed), late]);
  } finally {
    given.abort();
    // Nobody waits for a server that hangs.
    client.close().catch(() => undefined);
  }
}

const tooLate: MongoExamination = {
  kind: "unreachable",
  reason: `it did not answer within ${mongoLimits.examineMsMax} ms`,
};

function failed(thrown: unknown): MongoExamination {
  const { message } = thrownError(thrown);
  const isRefusal =
    thrown instanceof MongoServerError &&
    (thrown.code === unauthorized || thrown.code === authenticationFailed);
  return { kind: isRefusal ? "refused" : "unreachable", reason: message };
}

async function look(client: MongoClient, { url, clock }: MongoExamineOptions): Promise<MongoFindings> {
  await client.connect();
  const admin = client.db("admin");
  const beginMs = clock.wallMs();
  const hello = await admin.command({ hello: 1 });
  const nowMs = (beginMs + clock.wallMs()) / 2;
  const version = versionOf(await admin.command({ buildInfo: 1 }));
  const database = databaseNameOf(url);
  return {
    kind: "answered",
    version,
    topologyProblem: topologyProblem(hello),
    aheadMs: aheadOf(hello, nowMs),
    database,
    ...(await lookAtDatabase(client.db(database))),
  };
}

/** By how much the clock behind a reply to `hello` is ahead, in milliseconds. */
export function aheadOf({ localTime }: Document, nowMs: number): number | undefined {
  return localTime instanceof Date ? localTime.getTime() - nowMs : undefined;
}

async function lookAtDatabase(db: Db) {
  const schemaNewest = migrations.at(-1)?.version ?? 0;
  const schemaVersion = await readSchemaVersion(db);
  const applied = migrations.filter(({ version }) => version <= schemaVersion);
  const missing = await missingUniqueIndexes(db, applied);
  const bounds = { maxTimeMS: mongoLimits.readMsMax };
  return {
    schemaVersion,
    schemaNewest,
    missingIndexes: missing.map(({ collection, key }) => `${collection} (${Object.keys(key).join(", ")})`),
    isUnfinished: (await db.collection(storeCopyIndexes.collection).findOne({}, bounds)) !== null,
  };
}
