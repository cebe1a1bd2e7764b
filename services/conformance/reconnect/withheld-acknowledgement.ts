import { create } from "@bufbuild/protobuf";
import { OpenSchema, PositionsSchema, type ServerFrame } from "../../../gen/parley/session/v1/session_pb.ts";
import { type Finding, startFinding } from "../../history/finding.ts";
import { type Link, openLink } from "../harness/link.ts";
import { directConversationId, registerUsers } from "../harness/user.ts";

/** The node waits 10 s for an acknowledgement; ten times that counts as never. In milliseconds. */
const againMsMax = 100_000;

const texts = ["one", "two", "three"];

/** A device that stays connected and does not acknowledge gets the same entries once more, marked as such. */
export async function checkWithheldAcknowledgement(server: string): Promise<Finding> {
  const finding = startFinding("entries of an open stream come again until they are acknowledged");
  const [sender, reader] = await registerUsers(server, "withheld-", 2);
  if (sender === undefined || reader === undefined) throw new Error("two users were asked for");
  const conversationId = directConversationId(sender.accountId, reader.accountId);
  for (const text of texts) {
    const content = { kind: { case: "text", value: { text } } } as const;
    await sender.messages.sendMessage({ conversationId, clientMessageId: crypto.randomUUID(), content });
  }
  const open = create(OpenSchema, { positions: create(PositionsSchema, { last: true }) });
  const link = openLink("attach", { user: reader, open, onResults: () => undefined });
  const late = setTimeout(() => link.drop(), againMsMax);
  try {
    const first: bigint[] = [];
    const again: bigint[] = [];
    for await (const frame of link.frames) {
      (frame.redelivered ? again : first).push(...seqsOf(frame));
      answerPing(link, frame);
      if (again.length >= texts.length) break;
    }
    for (const seqs of [first, again]) {
      finding.examine();
      if (seqs.join() !== "1,2,3") finding.violate(`expected the entries 1, 2 and 3, got ${seqs.join()}`);
    }
  } finally {
    clearTimeout(late);
    link.drop();
  }
  return finding.finish();
}

function seqsOf({ events }: ServerFrame): bigint[] {
  return events.flatMap(({ kind }) => (kind.case === "entry" ? [kind.value.seq] : []));
}

function answerPing(link: Link, { control }: ServerFrame): void {
  if (control.case === "ping") link.say({ case: "pong", value: control.value });
}
