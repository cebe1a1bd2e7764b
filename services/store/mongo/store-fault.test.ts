import { type Document, MongoClient } from "mongodb";
import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../../gen/parley/error/v1/error_reason_pb.ts";
import { silentLogger } from "../../kernel/logger.ts";
import { silentMetrics } from "../../kernel/metrics.ts";
import { systemClock } from "../../kernel/system-clock.ts";
import { entryRow, group, headRow, otherGroup } from "../contract/message-rows.ts";
import { createMongoEntryStore } from "./entry.ts";
import { type Answer, startScriptedServer } from "./fixtures/scripted-server.ts";
import { createMongoHeadStore } from "./head.ts";
import { clientOptions, createMongoDatabase } from "./mongo-database.ts";

const rows = [entryRow(group, 1n), entryRow(otherGroup, 1n), entryRow(group, 2n)];
const duplicate = { index: 1, code: 11_000, errmsg: "E11000 duplicate key error collection: parley.entry" };
const noMajority = { code: 64, codeName: "WriteConcernTimeout", errmsg: "waiting for replication timed out" };
const steppedDown = { code: 189, codeName: "PrimarySteppedDown", errmsg: "the primary stepped down" };
const badValue = { ok: 0, code: 2, codeName: "BadValue", errmsg: "unknown operator" };
const notPrimary = { ok: 0, code: 10_107, codeName: "NotWritablePrimary", errmsg: "not primary" };

/** Stores on a server that answers `answers` in their order to commands of `name`, and the last of them from then on. */
async function openScripted(name: string, ...answers: Answer[]) {
  const server = await startScriptedServer();
  const client = new MongoClient(server.url, { ...clientOptions, serverSelectionTimeoutMS: 700 });
  const surroundings = { clock: systemClock(), logger: silentLogger, metrics: silentMetrics };
  const database = createMongoDatabase({ client, name: "parley", ...surroundings });
  await client.connect();
  let asked = 0;
  server.answer = (command: Document): Answer => {
    if (!(name in command)) return { ok: 1 };
    asked += 1;
    return answers[Math.min(asked, answers.length) - 1] ?? { ok: 1 };
  };
  return {
    server,
    entries: createMongoEntryStore(database),
    heads: createMongoHeadStore(database),
    asked: () => asked,
    async [Symbol.asyncDispose]() {
      await database.stop();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe("an append to a replica set", () => {
  test("is committed when a majority has all rows", async () => {
    await using opened = await openScripted("insert", { ok: 1, n: 3 });
    expect(await opened.entries.append(rows)).toEqual({ kind: "committed", headsRaised: false });
  });

  test("stops at the row that met an index, when a majority has those before it", async () => {
    await using opened = await openScripted("insert", { ok: 1, n: 1, writeErrors: [duplicate] });
    expect(await opened.entries.append(rows)).toEqual({ kind: "duplicate", index: 1, headsRaised: false });
  });

  test.each<[string, Answer]>([
    ["no majority has the rows yet", { ok: 1, n: 3, writeConcernError: noMajority }],
    [
      "a row met an index and no majority has those before it yet",
      { ok: 1, n: 1, writeErrors: [duplicate], writeConcernError: noMajority },
    ],
    ["the primary steps down within the batch", { ok: 1, n: 1, writeErrors: [{ index: 1, ...steppedDown }] }],
    ["the primary is none any more", notPrimary],
    ["the server calls the request wrong", badValue],
    ["the connection breaks each time", "break"],
  ])("is unknown when %s", async (_, answer) => {
    await using opened = await openScripted("insert", answer);
    expect(await opened.entries.append(rows)).toMatchObject({ kind: "unknown" });
  });

  test("is sent again once when its connection breaks", async () => {
    await using opened = await openScripted("insert", "break", { ok: 1, n: 3 });
    expect(await opened.entries.append(rows)).toEqual({ kind: "committed", headsRaised: false });
    expect(opened.asked()).toBe(2);
  });

  test("is unknown when it was sent and no server is found to send it to again", async () => {
    await using opened = await openScripted("insert");
    const { server, entries } = opened;
    server.answer = () => {
      server.isPrimary = false;
      return "break";
    };
    const outcome = await entries.append(rows);
    // What the driver throws says only that it found no server.
    const message = expect.stringMatching(/^Server selection timed out/);
    expect(outcome).toMatchObject({ kind: "unknown", cause: { cause: { message } } });
  });
});

describe("other requests to a replica set", () => {
  test.each<[string, Answer, ErrorReason]>([
    ["its connections break", "break", ErrorReason.STORE_UNAVAILABLE],
    ["the server is no primary", notPrimary, ErrorReason.STORE_UNAVAILABLE],
    ["it took too long", { ok: 0, code: 50, errmsg: "exceeded time limit" }, ErrorReason.STORE_UNAVAILABLE],
  ])("a read fails with a retry hint when %s", async (_, answer, reason) => {
    await using opened = await openScripted("find", answer);
    const failure = { reason, retryDelayMs: 1_000 };
    await expect(opened.heads.read([group])).rejects.toMatchObject(failure);
  });

  test.each<[string, Answer]>([
    ["no majority has it yet", { ok: 1, n: 1, nModified: 1, writeConcernError: noMajority }],
    ["its connections break", "break"],
  ])("the outcome of a write is unknown when %s", async (_, answer) => {
    await using opened = await openScripted("update", answer);
    const failure = { reason: ErrorReason.OUTCOME_UNKNOWN, retryDelayMs: 1_000 };
    await expect(opened.heads.raise([headRow(group)])).rejects.toMatchObject(failure);
  });

  test("what the server calls a wrong request is a bug and is thrown on as it is", async () => {
    await using reading = await openScripted("find", badValue);
    await expect(reading.heads.read([group])).rejects.toMatchObject({ name: "MongoServerError", code: 2 });
    await using writing = await openScripted("update", badValue);
    await expect(writing.heads.raise([headRow(group)])).rejects.toMatchObject({ code: 2 });
  });
});
