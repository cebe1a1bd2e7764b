import { rmSync } from "node:fs";
import { join } from "node:path";
import { ferretdb, goToolDirectory } from "./go-tools.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";

/** The longest that a start or an end of FerretDB may take, in milliseconds. */
const answerMsMax = 10_000;

/** A server that speaks MongoDB's protocol. */
export interface MongoServer extends AsyncDisposable {
  /** Without a database's name. */
  readonly url: string;
  /** The URL of one of its databases. */
  urlOf(database: string): string;
  /** To do harm to it; undefined for a server that was there before. */
  readonly process: ServerProcess | undefined;
}

/** What a machine lacks for `startMongoServer`, by name. */
export function missingForMongo(): readonly string[] {
  return isStandIn() && goToolDirectory(ferretdb) === undefined ? [ferretdb.name] : [];
}

/** Whether `startMongoServer` starts FerretDB, so that tests should be small. */
export function isStandIn(): boolean {
  return givenUrl() === undefined;
}

/** Starts FerretDB, a stand-in for MongoDB, or answers the real server that `PARLEY_TEST_MONGO_URL` names. */
export async function startMongoServer(): Promise<MongoServer> {
  const url = givenUrl();
  if (url === undefined) return startFerretdb();
  return { ...addressedBy(url), process: undefined, [Symbol.asyncDispose]: async () => undefined };
}

/** Starts FerretDB in a process of its own, at an address or on a free port of loopback, see `startServerProcess`. */
export async function startFerretdb(at = "127.0.0.1:0"): Promise<MongoServer> {
  const started = await startServerProcess({
    name: "mongo",
    program: join(goToolDirectory(ferretdb) ?? "", ferretdb.name),
    at,
    argv: (address, directory) => {
      // The socket of one that was killed would keep the next from taking its place.
      rmSync(join(directory, "socket"), { force: true });
      return [address, directory];
    },
    answerMsMax,
    saysAt: "stdout",
    readAddress: (said) => /^mongodb:\/\/(?<address>[^/]+)\/\n/.exec(said)?.groups?.["address"],
  });
  return { ...started, ...addressedBy(`mongodb://${started.address}/`) };
}

function addressedBy(url: string): Pick<MongoServer, "url" | "urlOf"> {
  return { url, urlOf: (database) => databaseUrl(url, database) };
}

/** Puts the name of a database into a URL that has none: `mongodb://host[:port][,...][/][?options]`. */
export function databaseUrl(url: string, database: string): string {
  const { server, options = "" } =
    /^(?<server>mongodb(?:\+srv)?:\/\/[^/?]+)\/?(?<options>\?.*)?$/.exec(url)?.groups ?? {};
  if (server === undefined)
    throw new Error("PARLEY_TEST_MONGO_URL names a database, or is no URL of MongoDB");
  return `${server}/${database}${options}`;
}

function givenUrl(): string | undefined {
  const url = process.env["PARLEY_TEST_MONGO_URL"];
  return url === undefined || url === "" ? undefined : url;
}
