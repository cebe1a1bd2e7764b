import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { silentLogger } from "../kernel/logger.ts";
import { createMemorySigningKeyStore } from "../store/memory/signing-key.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import { refusalOf } from "./fixtures/account-fixture.ts";
import { signingKeysAgeMsMax, unknownKeyReadIntervalMs } from "./limits.ts";
import { openSigningKeys } from "./signing-keys.ts";

/** A store of keys that counts reads and can be away, and a way to open nodes on it. */
function openStore() {
  const memory = createMemorySigningKeyStore();
  const state = { reads: 0, away: false };
  const clock = new FakeClock();
  const store = {
    ...memory,
    list: async () => {
      state.reads += 1;
      if (state.away) throw new Fault(ErrorReason.STORE_UNAVAILABLE, "away", { retryDelayMs: 1_000 });
      return memory.list();
    },
  };
  const openNode = () => openSigningKeys({ store, clock, logger: silentLogger });
  return { state, clock, store, openNode };
}

describe("the signing keys", () => {
  test("nodes that start at once on an empty store sign with one key", async () => {
    const { openNode } = openStore();
    const nodes = await Promise.all([openNode(), openNode(), openNode()]);
    const ids = await Promise.all(nodes.map(async (node) => (await node.newest()).keyId));
    expect(new Set(ids).size).toBe(1);
  });

  test("a node that starts later makes no key", async () => {
    const { openNode, store } = openStore();
    const first = await (await openNode()).newest();
    expect((await (await openNode()).newest()).keyId).toBe(first.keyId);
    expect(await store.list()).toHaveLength(1);
  });

  test("a new key signs, the one before still verifies, and the third does not", async () => {
    const { openNode } = openStore();
    const node = await openNode();
    const first = (await node.newest()).keyId;
    const second = await node.rotate();
    expect((await node.newest()).keyId).toBe(second);
    expect(await node.verifying(first)).toBeDefined();
    const third = await node.rotate();
    expect((await node.newest()).keyId).toBe(third);
    expect(await node.verifying(second)).toBeDefined();
    expect(await node.verifying(first)).toBeUndefined();
  });

  test("another node signs with the new key after 30 s, and verifies it as soon as it meets it", async () => {
    const { openNode, clock } = openStore();
    const [one, other] = [await openNode(), await openNode()];
    const before = (await other.newest()).keyId;
    const after = await one.rotate();
    clock.stepWall(3_600_000);
    expect((await other.newest()).keyId).toBe(before);
    await clock.advance(unknownKeyReadIntervalMs);
    expect(await other.verifying(after)).toBeDefined();
    await clock.advance(signingKeysAgeMsMax);
    expect((await other.newest()).keyId).toBe(after);
  });

  test("without a token of the new key, it is noticed when 30 s are over", async () => {
    const { openNode, clock } = openStore();
    const [one, other] = [await openNode(), await openNode()];
    const after = await one.rotate();
    await clock.advance(signingKeysAgeMsMax - 1);
    expect((await other.newest()).keyId).not.toBe(after);
    await clock.advance(1);
    expect((await other.newest()).keyId).toBe(after);
  });

  test("a flood of unknown key ids reads the store once a second", async () => {
    const { openNode, state, clock } = openStore();
    const node = await openNode();
    state.reads = 0;
    await clock.advance(unknownKeyReadIntervalMs);
    const ids = Array.from({ length: 100 }, (_, index) => `unknown ${index}`);
    const found = await Promise.all(ids.map((id) => node.verifying(id)));
    for (const id of ids) found.push(await node.verifying(id));
    expect(found.every((key) => key === undefined)).toBe(true);
    expect(state.reads).toBe(1);
  });

  test("with the store away the keys at hand go on, and an unknown one cannot be judged", async () => {
    const { openNode, state, clock } = openStore();
    const node = await openNode();
    const { keyId } = await node.newest();
    state.away = true;
    await clock.advance(signingKeysAgeMsMax);
    expect((await node.newest()).keyId).toBe(keyId);
    expect(await node.verifying(keyId)).toBeDefined();
    expect(await refusalOf(node.verifying("unknown"))).toBe("STORE_UNAVAILABLE");
    state.away = false;
    await clock.advance(signingKeysAgeMsMax);
    expect(await node.verifying("unknown")).toBeUndefined();
  });

  test("the key set has the public halves only, newest first", async () => {
    const { openNode } = openStore();
    const node = await openNode();
    const first = (await node.newest()).keyId;
    const second = await node.rotate();
    const { keys } = await node.keySet();
    expect(keys.map((key) => key.kid)).toEqual([second, first]);
    for (const key of keys) {
      expect(Object.keys(key).toSorted()).toEqual(["alg", "e", "kid", "kty", "n", "use"]);
      expect(key).toMatchObject({ alg: "RS256", kty: "RSA", use: "sig" });
    }
  });
});
