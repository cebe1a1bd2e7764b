import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { AdminService } from "../../gen/parley/admin/v1/admin_service_pb.ts";
import { CloseAction, CloseReason, type StreamClosed } from "../../gen/parley/error/v1/stream_closed_pb.ts";
import { silentLogger } from "../kernel/logger.ts";
import { silentMetrics } from "../kernel/metrics.ts";
import { systemClock } from "../kernel/system-clock.ts";
import { systemRng } from "../kernel/system-rng.ts";
import { openSqliteStore } from "../store/sqlite/open.ts";
import { waitUntil } from "../testkit/wait-until.ts";
import { directOf, logIn, type Person, personWith, startTestNode } from "./fixtures/test-node.ts";

function say(from: Person, conversationId: string, text: string) {
  const content = { kind: { case: "text", value: { text } } } as const;
  return from.messages.sendMessage({ conversationId, clientMessageId: systemRng().uuid(), content });
}

/** Raises the epoch in the store, as a command beside running nodes would. */
async function raiseEpoch(directory: string): Promise<void> {
  const shared = { clock: systemClock(), logger: silentLogger, metrics: silentMetrics };
  const store = await openSqliteStore({ directory, ...shared });
  for (let isRaised = false; !isRaised; ) {
    const mark = await store.epochMark.read();
    const epoch = mark.epoch + 1n;
    isRaised = await store.epochMark.raise(mark, { ...mark, epoch, lineage: [...mark.lineage, epoch] });
  }
  await store.stop();
}

test("nodes that run while the epoch is raised close their streams, and go on in the new epoch", async () => {
  const directory = mkdtempSync(join(tmpdir(), "parley-epoch-"));
  const problems: unknown[] = [];
  const storeUrl = `sqlite:${directory}`;
  const one = await startTestNode({ storeUrl, nodeId: "one" }, problems);
  const other = await startTestNode({ storeUrl, nodeId: "other" }, problems);
  try {
    const [alice, bob] = await Promise.all([logIn(one, "alice"), logIn(one, "bob")]);
    const conversationId = directOf(alice, bob);
    expect((await say(alice, conversationId, "before")).position).toMatchObject({ epoch: 1n, seq: 1n });

    let closed: StreamClosed | undefined;
    let isCaughtUp = false;
    const stream = (async (): Promise<void> => {
      for await (const { frame } of personWith(other, bob.accountId, bob.token).sessions.receive({
        open: {},
      })) {
        if (frame?.control.case === "caughtUp") isCaughtUp = true;
        if (frame?.control.case === "closed") closed = frame.control.value;
      }
    })();
    await waitUntil("bob is attached", () => isCaughtUp);
    await raiseEpoch(directory);
    // Each node looks by itself every ten seconds, and at once when a device names an epoch that it does not know.
    const positions = { positions: [{ conversationId, epoch: 2n, seq: 1n }], last: true };
    for (const node of [one, other]) {
      const session = { case: "open", value: { positions } } as const;
      await personWith(node, alice.accountId, alice.token).sessions.poll({ session, wait: { seconds: 0n } });
    }
    await stream;
    expect(closed).toMatchObject({
      reason: CloseReason.DRAINING,
      action: CloseAction.RECONNECT_AFTER_DELAY,
      message: "The store is in a new epoch: open again with the positions that you hold.",
    });
    const transport = createConnectTransport({ baseUrl: one.addresses.admin, httpVersion: "1.1" });
    await waitUntil("both nodes have learned of it", async () => {
      const { nodes } = await createClient(AdminService, transport).listNodes({});
      return nodes.length === 2 && nodes.every(({ storeEpoch }) => storeEpoch === 2n);
    });
    const after = await waitUntil("a message is taken again", () =>
      say(alice, conversationId, "after").catch(() => undefined),
    );
    expect(after.position).toMatchObject({ epoch: 2n, seq: 2n });
    expect(problems).toEqual([]);
  } finally {
    await Promise.all([one.stop(), other.stop()]);
    rmSync(directory, { recursive: true, force: true });
  }
});
