import type { Document } from "mongodb";
import { describe, expect, test } from "vitest";
import { topologyProblem } from "./topology-check.ts";

/** What every mongod of version 7 replies to `hello`. */
const everywhere = {
  helloOk: true,
  isWritablePrimary: true,
  topologyVersion: { processId: "6620f0c2a1b2c3d4e5f60718", counter: 6n },
  maxBsonObjectSize: 16_777_216,
  maxMessageSizeBytes: 48_000_000,
  maxWriteBatchSize: 100_000,
  localTime: new Date("2026-03-01T10:00:01.500Z"),
  logicalSessionTimeoutMinutes: 30,
  connectionId: 42,
  minWireVersion: 0,
  maxWireVersion: 21,
  readOnly: false,
  ok: 1,
};

/** What a primary replies beside that. */
function primary(members: Document): Document {
  const date = new Date("2026-03-01T10:00:01.000Z");
  return {
    ...everywhere,
    setName: "rs0",
    setVersion: 3,
    secondary: false,
    primary: "db1:27017",
    me: "db1:27017",
    electionId: "7fffffff0000000000000007",
    lastWrite: { lastWriteDate: date, majorityWriteDate: date },
    ...members,
  };
}

const three = ["db1:27017", "db2:27017", "db3:27017"];

describe("topologyProblem", () => {
  test.each([
    ["three members", primary({ hosts: three })],
    ["two members and an arbiter", primary({ hosts: three.slice(0, 2), arbiters: ["arb:27017"] })],
    ["two members and one of priority 0", primary({ hosts: three.slice(0, 2), passives: ["db4:27017"] })],
    ["two members", primary({ hosts: three.slice(0, 2) })],
  ])("takes a replica set of %s", (_, hello) => {
    expect(topologyProblem(hello)).toBeUndefined();
  });

  test.each([
    ["a single server", everywhere, /^it is a single server/],
    ["a set that was not initiated", { ...everywhere, isreplicaset: true }, /was not initiated/],
    ["mongos", { ...everywhere, msg: "isdbgrid" }, /sharded cluster/],
    ["a set of one", primary({ hosts: ["db1:27017"] }), /1 electable member, so/],
    [
      "one member with two arbiters",
      primary({ hosts: ["db1:27017"], arbiters: ["arb1:27017", "arb2:27017"] }),
      /1 electable member beside 2/,
    ],
    [
      "one member with two of priority 0, which may have no vote",
      primary({ hosts: ["db1:27017"], passives: ["db2:27017", "db3:27017"] }),
      /1 electable member beside 2/,
    ],
  ])("refuses %s", (_, hello, problem) => {
    expect(topologyProblem(hello)).toMatch(problem);
  });
});
