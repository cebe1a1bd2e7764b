import type { Etcd3 } from "etcd3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { recordingLogger } from "../../sqlite/fixtures/recording.ts";
import { type EtcdServer, missingForEtcd, startEtcdServer } from "../../testkit/etcd-server.ts";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { describeCoordinatorContract } from "../fixtures/coordinator.contract.ts";
import { EtcdCluster } from "../fixtures/etcd-cluster.ts";
import { nodeRecord } from "../fixtures/node-records.ts";
import { callMsMax } from "../membership-limits.ts";
import { readEtcdVersion } from "./etcd.ts";
import { EtcdConnection, type EtcdConnectionOptions, type SendToEtcd } from "./etcd-connection.ts";
import { etcdKeys, keysBelow } from "./etcd-keys.ts";
import { etcdLimits } from "./etcd-limits.ts";
import { raiseMarkInEtcd } from "./etcd-mark.ts";

/** Lets somebody else act right before a mark is written. */
class InterruptedConnection extends EtcdConnection {
  readonly #act: () => Promise<void>;

  constructor(options: EtcdConnectionOptions, act: () => Promise<void>) {
    super(options);
    this.#act = act;
  }

  override async request<T>(kind: string, endMs: number, send: SendToEtcd<T>): Promise<T> {
    if (kind === "raise") await this.#act();
    return super.request(kind, endMs, send);
  }
}

test("a call ends before the membership gives it up, and has time for a request without an answer and another one", () => {
  expect(etcdLimits.callMsMax).toBeLessThan(callMsMax);
  expect(2 * etcdLimits.requestMsMax).toBeLessThan(etcdLimits.callMsMax);
});

suiteWithout(missingForEtcd())("etcd", () => {
  let server: EtcdServer;
  let connection: EtcdConnection;

  beforeAll(async () => {
    server = await startEtcdServer();
    connection = new EtcdConnection(new EtcdCluster(server.url).options);
  });

  afterAll(async () => {
    connection.stop();
    await server[Symbol.asyncDispose]();
  });

  /** Asks etcd itself. */
  function ask<T>(send: (client: Etcd3) => Promise<T>): Promise<T> {
    return connection.request("test", Number.POSITIVE_INFINITY, (client) => send(client));
  }

  /** All keys of a cluster below its prefix, with what is in them and their leases. */
  async function keysOf(
    cluster: EtcdCluster,
  ): Promise<readonly (readonly [key: string, value: string, lease: string])[]> {
    const { prefix } = cluster.options;
    const { kvs } = await ask((client) => client.kv.range(keysBelow(`${prefix}/`)));
    return kvs.map(
      ({ key, value, lease }) => [key.toString().slice(prefix.length + 1), value.toString(), lease] as const,
    );
  }

  // Each test waits for leases of its own, so they wait together.
  describe.concurrent("in real time", { timeout: 120_000 }, () => {
    describeCoordinatorContract("etcd", async () => new EtcdCluster(server.url));
  });

  test("a node has a key for each of its roles, all under one lease and written at once, with plain JSON in it", async () => {
    await using cluster = new EtcdCluster(server.url);
    const coordinator = await cluster.open();
    const registration = await coordinator.register(nodeRecord("a", { roles: ["session", "owner"] }));
    const keys = await keysOf(cluster);
    expect(keys.map(([key]) => key)).toEqual([
      "nodes/a",
      "services/owner/a",
      "services/session/a",
      "slots/0",
    ]);
    expect(new Set(keys.map(([, , lease]) => lease)).size).toBe(1);
    expect(JSON.parse(keys[1]?.[1] ?? "")).toEqual({
      nodeId: "a",
      incarnation: "a-1",
      meshAddress: "127.0.0.1:7081",
      publicUrls: ["http://127.0.0.1:7080"],
      adminUrl: "http://127.0.0.1:7082",
      roles: ["session", "owner"],
      protocolMin: 1,
      protocolMax: 1,
      version: "0.0.0",
      draining: false,
      load: 0,
    });
    await registration.renew(nodeRecord("a", { roles: ["owner", "worker"], load: 0.25 }));
    const changed = await keysOf(cluster);
    expect(changed.map(([key]) => key)).toEqual([
      "nodes/a",
      "services/owner/a",
      "services/worker/a",
      "slots/0",
    ]);
    expect(changed.map(([, value]) => value).filter((value) => value.includes('"load":0.25'))).toHaveLength(
      3,
    );
    await registration.leave();
    expect(await keysOf(cluster)).toEqual([]);
  });

  test("a renewal without a change writes nothing", async () => {
    await using cluster = new EtcdCluster(server.url);
    const coordinator = await cluster.open();
    const registration = await coordinator.register(nodeRecord("a"));
    const revision = async (): Promise<string | undefined> => {
      const { kvs } = await ask((client) =>
        client.kv.range(keysBelow(etcdKeys(cluster.options.prefix).nodes)),
      );
      return kvs[0]?.mod_revision;
    };
    const before = await revision();
    for (let round = 0; round < 3; round += 1) expect(await registration.renew(nodeRecord("a"))).toBe("kept");
    expect(await revision()).toBe(before);
  });

  test("clusters with different prefixes know nothing of one another, however alike the prefixes are", async () => {
    await using cluster = new EtcdCluster(server.url);
    const { prefix } = cluster.options;
    const [one, other] = [await cluster.open(), await cluster.open({ prefix: `${prefix}0` })];
    // Its keys stand right behind those of the nodes.
    const next = await cluster.open({ prefix: `${prefix}/nodes0` });
    for (const [coordinator, nodeId] of [
      [one, "a"],
      [other, "b"],
      [next, "c"],
    ] as const) {
      await coordinator.register(nodeRecord(nodeId));
    }
    for (const [coordinator, nodeId] of [
      [one, "a"],
      [other, "b"],
      [next, "c"],
    ] as const) {
      expect((await coordinator.list()).map((node) => node.nodeId)).toEqual([nodeId]);
    }
  });

  test("with all slots taken a node is refused by name", async () => {
    await using cluster = new EtcdCluster(server.url);
    const coordinator = await cluster.open();
    const keys = etcdKeys(cluster.options.prefix);
    for (let first = 0; first < 1_023; first += 93) {
      const success = Array.from({ length: 93 }, (_, index) => ({
        request_put: { key: Buffer.from(keys.slot(first + index)), value: Buffer.from(`n${first + index}`) },
      }));
      await ask((client) => client.kv.txn({ success }));
    }
    await expect(coordinator.register(nodeRecord("late"))).rejects.toThrow(/late.*1023 id slots/);
    await ask((client) => client.kv.deleteRange({ key: Buffer.from(keys.slot(700)) }));
    expect((await coordinator.register(nodeRecord("late"))).idSlot).toBe(700);
    await ask((client) => client.kv.deleteRange(keysBelow(keys.slots)));
  });

  test("a record that cannot be read is left out and reported once, and does not hide the others", async () => {
    await using cluster = new EtcdCluster(server.url);
    const logger = recordingLogger();
    const coordinator = await cluster.open({ logger });
    await coordinator.register(nodeRecord("a"));
    const key = Buffer.from(etcdKeys(cluster.options.prefix).node("b"));
    await ask((client) => client.kv.put({ key, value: Buffer.from('{"nodeId":"b"}') }));
    for (let round = 0; round < 2; round += 1)
      expect((await coordinator.list()).map(({ nodeId }) => nodeId)).toEqual(["a"]);
    expect(logger.lines.filter((line) => line.startsWith("error"))).toEqual([
      "error a node's record cannot be read, so the node is not listed ",
    ]);
    await ask((client) => client.kv.deleteRange({ key }));
  });

  test("a mark that nobody can read is an error that names the key", async () => {
    await using cluster = new EtcdCluster(server.url);
    const coordinator = await cluster.open();
    const { mark } = etcdKeys(cluster.options.prefix);
    await ask((client) => client.kv.put({ key: Buffer.from(mark), value: Buffer.from("7") }));
    await expect(coordinator.readMark()).rejects.toThrow(`${mark} of etcd holds no mark of a store: 7`);
    await expect(coordinator.raiseMark({ epoch: 2n, tick: 1n })).rejects.toThrow(mark);
    await ask((client) => client.kv.deleteRange({ key: Buffer.from(mark) }));
  });

  test("a mark that is raised between the reading and the writing of another raise does not fall", async () => {
    await using cluster = new EtcdCluster(server.url);
    const coordinator = await cluster.open();
    const late = new InterruptedConnection(cluster.options, () =>
      coordinator.raiseMark({ epoch: 1n, tick: 9n }),
    );
    const place = { connection: late, key: etcdKeys(cluster.options.prefix).mark };
    await raiseMarkInEtcd(place, { epoch: 2n, tick: 5n }, Number.POSITIVE_INFINITY);
    late.stop();
    expect(await coordinator.readMark()).toEqual({ epoch: 2n, tick: 9n });
  });

  test("tells its version, to a coordinator and to somebody who only asks", async () => {
    await using cluster = new EtcdCluster(server.url);
    expect(await (await cluster.open()).serverVersion()).toMatch(/^3\.\d+\.\d+/);
    expect(await readEtcdVersion(cluster.options)).toMatch(/^3\.\d+\.\d+/);
  });

  test("an address where nobody listens is named by every call", async () => {
    await using cluster = new EtcdCluster(server.url);
    const endpoints = ["127.0.0.1:1"];
    await expect((await cluster.open({ endpoints })).list()).rejects.toThrow(
      "etcd at 127.0.0.1:1 did not answer",
    );
    await expect(readEtcdVersion({ ...cluster.options, endpoints })).rejects.toThrow("etcd at 127.0.0.1:1");
  });
});
