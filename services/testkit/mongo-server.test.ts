import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { ferretdb, goToolDirectory } from "./go-tools.ts";
import { databaseUrl } from "./mongo-server.ts";
import { suiteWithout } from "./suite-plan.ts";
import { takesConnections } from "./takes-connections.ts";
import { waitUntil } from "./wait-until.ts";

/** Starts a server, prints its URL, and does nothing more. */
const program = `
  import { startMongoServer } from ${JSON.stringify(new URL("./mongo-server.ts", import.meta.url).href)};
  console.log((await startMongoServer()).url);
  setInterval(() => undefined, 1_000);
`;

test.each([
  ["mongodb://127.0.0.1:1/", "mongodb://127.0.0.1:1/parley"],
  ["mongodb://db-1,db-2:2,db-3/?replicaSet=rs0", "mongodb://db-1,db-2:2,db-3/parley?replicaSet=rs0"],
  ["mongodb+srv://me@db.example", "mongodb+srv://me@db.example/parley"],
])("the database of %s is %s", (url, expected) => {
  expect(databaseUrl(url, "parley")).toBe(expected);
});

test("a URL that names a database already is refused", () => {
  expect(() => databaseUrl("mongodb://127.0.0.1/other", "parley")).toThrow(/names a database/);
});

suiteWithout(goToolDirectory(ferretdb) === undefined ? [ferretdb.name] : [])("the server for tests", () => {
  test("ends when the process that started it is killed", async () => {
    const { PARLEY_TEST_MONGO_URL: _, ...env } = process.env;
    const parent = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line]: unknown[] = await once(parent.stdout.setEncoding("utf8"), "data");
    const { host } = new URL(String(line).trim());
    expect(await takesConnections(host)).toBe(true);
    parent.kill("SIGKILL");
    await waitUntil("the end of the server", async () => !(await takesConnections(host)));
  });
});
