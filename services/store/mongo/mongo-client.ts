import { type Document, MongoClient, type MongoClientOptions } from "mongodb";
import { clientOptions } from "./mongo-database.ts";
import { userOf } from "./mongo-url.ts";

/** Which MongoDB is talked to, and as whom. */
export interface MongoAccess {
  /** `mongodb://…` or `mongodb+srv://…`; its path names the database, `parley` when it has none. */
  readonly url: string;
  /** Of the user that the URL names. */
  readonly password?: string | undefined;
}

/** Makes a client, which does not connect yet. Throws what the driver does, which quotes a URL that it cannot read. */
export function createMongoClient(
  { url, password }: MongoAccess,
  more: MongoClientOptions = {},
): MongoClient {
  const user = userOf(url);
  const credentials = user !== undefined && password !== undefined && { auth: { username: user, password } };
  return new MongoClient(url, { ...clientOptions, ...credentials, ...more });
}

/** Said in place of what the driver throws about a URL. */
export const unreadableUrl = "the URL of the store is none that MongoDB's driver takes";

/** The server's own version by its reply to `buildInfo`, for example `8.0.4`. */
export function versionOf({ version }: Document): string {
  return typeof version === "string" ? version : "of an unknown version";
}
