import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { MessageService } from "../../gen/parley/message/v1/message_service_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import type { AppendCommand, AppendResult } from "./append-command.ts";
import { alice, uuid } from "./fixtures/append-world.ts";
import { callersOf, reasonOf } from "./fixtures/rpc-clients.ts";
import { sendMessage } from "./send-message.rpc.ts";

const content = { kind: { case: "text", value: { text: "hi" } } } as const;

/** alice's client of a node whose commands end as told. */
function nodeThatAnswers(result: AppendResult) {
  const clock = new FakeClock({ monotonicMs: 500 });
  const commands: AppendCommand[] = [];
  const router = { append: async (command: AppendCommand) => (commands.push(command), result) };
  const { messages } = callersOf((routes) => {
    routes.rpc(MessageService.method.sendMessage, sendMessage({ router, clock }));
  }, alice);
  return { messages, commands, clock };
}

const committed: AppendResult = {
  kind: "committed",
  committed: {
    conversationId: "c",
    epoch: 1n,
    seq: 7n,
    messageOrdinal: 5n,
    entryId: "e",
    createTimeMs: 1_500,
  },
};

describe("SendMessage", () => {
  test("hands the command over in the caller's name, its id in lower case, for at most 8 s", async () => {
    const { messages, commands } = nodeThatAnswers(committed);
    const clientMessageId = uuid(1).replace("4000", "4ABC");
    await messages.sendMessage({ conversationId: "c", clientMessageId, content, retry: true });
    expect(commands).toMatchObject([
      {
        conversationId: "c",
        senderId: alice,
        senderDeviceId: "device",
        clientMessageId: clientMessageId.toLowerCase(),
        body: { kind: "message", content },
        retry: true,
        expireMs: 8_500,
        order: undefined,
      },
    ]);
  });

  test("answers where the message stands", async () => {
    const { messages } = nodeThatAnswers(committed);
    const answer = await messages.sendMessage({ conversationId: "c", clientMessageId: uuid(1), content });
    expect(answer).toMatchObject({
      position: { conversationId: "c", epoch: 1n, seq: 7n },
      messageOrdinal: 5n,
      entryId: "e",
      createTime: { seconds: 1n, nanos: 500_000_000 },
    });
  });

  test("fails as the command did", async () => {
    const fault = new Fault(ErrorReason.REPLY_NOT_FOUND, "there is no such entry");
    const { messages } = nodeThatAnswers({ kind: "failed", fault });
    const send = messages.sendMessage({ conversationId: "c", clientMessageId: uuid(1), content });
    expect(await reasonOf(send)).toBe("REPLY_NOT_FOUND");
  });

  test("asks again while no owner takes it, and does not know the outcome after its time", async () => {
    const { messages, commands, clock } = nodeThatAnswers({ kind: "moved" });
    const send = reasonOf(messages.sendMessage({ conversationId: "c", clientMessageId: uuid(1), content }));
    await clock.advance(9_000);
    expect(await send).toBe("OUTCOME_UNKNOWN");
    expect(commands.length).toBeGreaterThan(10);
    expect(new Set(commands.map((command) => command.clientMessageId)).size).toBe(1);
  });
});
