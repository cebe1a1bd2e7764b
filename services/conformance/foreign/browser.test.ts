import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { EnvelopeReader, encodeEnvelope, endOfStreamFlag } from "../harness/envelope.ts";
import { loadFlags } from "../harness/load-flags.ts";
import { type ParleyProcess, startParley } from "../harness/parley-process.ts";
import { directConversation, type Person, register, sendText } from "../json-client.ts";

let node: ParleyProcess;

beforeAll(async () => {
  node = await startParley({ flags: loadFlags });
});

afterAll(() => node[Symbol.asyncDispose]());

const session = "parley.session.v1.SessionService";

const frameSchema = z.object({
  events: z
    .array(
      z.object({
        entry: z.object({ seq: z.string(), message: z.object({ text: z.object({ text: z.string() }) }) }),
      }),
    )
    .default([]),
  firstDeliveryId: z.string().default("0"),
  redelivered: z.boolean().default(false),
  opened: z.object({ sessionId: z.string(), resumeTicket: z.string() }).optional(),
  caughtUp: z.boolean().optional(),
  closed: z.object({ reason: z.string() }).optional(),
  pong: z.string().optional(),
});
type Frame = z.infer<typeof frameSchema>;

const pollSchema = z.object({ frames: z.array(frameSchema).default([]) });
const submitSchema = z.object({
  results: z.array(
    z.object({
      clientMessageId: z.string(),
      committed: z.object({ position: z.object({ seq: z.string() }) }),
    }),
  ),
});

function textsOf(frames: readonly Frame[]): string[] {
  return frames.flatMap(({ events }) => events.map(({ entry }) => `${entry.seq} ${entry.message.text.text}`));
}

/** Acknowledges everything in the frames. */
function lastDeliveryId(frames: readonly Frame[]): string {
  const last = frames.findLast(({ events }) => events.length > 0);
  return last === undefined ? "0" : `${BigInt(last.firstDeliveryId) + BigInt(last.events.length) - 1n}`;
}

function textFrame(conversationId: string, text: string): object {
  return { send: { conversationId, clientMessageId: randomUUID(), content: { text: { text } } } };
}

/** Receive as a page reads it: `fetch`, whose body is envelopes of JSON. */
class ReceivedStream implements AsyncDisposable {
  readonly #abort = new AbortController();
  readonly #frames: AsyncGenerator<Frame>;

  constructor(person: Person, open: object) {
    this.#frames = this.#read(person, open);
  }

  /** Reads on until the condition holds for all that was read by this call. */
  async until(done: (frames: readonly Frame[]) => boolean): Promise<Frame[]> {
    const frames: Frame[] = [];
    while (!done(frames)) {
      const next = await this.#frames.next();
      if (next.done === true) throw new Error(`the stream ended after ${JSON.stringify(frames)}`);
      frames.push(next.value);
    }
    return frames;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#frames.return(undefined).catch(() => undefined);
  }

  async *#read(person: Person, open: object): AsyncGenerator<Frame> {
    const response = await fetch(`${node.publicUrl}/${session}/Receive`, {
      method: "POST",
      headers: { "content-type": "application/connect+json", authorization: `Bearer ${person.token}` },
      body: encodeEnvelope(Buffer.from(JSON.stringify({ open }))),
      signal: this.#abort.signal,
    });
    const reader = new EnvelopeReader();
    for await (const chunk of response.body ?? []) {
      for (const { flags, data } of reader.push(chunk)) {
        if ((flags & endOfStreamFlag) !== 0) return;
        yield z.object({ frame: frameSchema }).parse(JSON.parse(Buffer.from(data).toString())).frame;
      }
    }
  }
}

const caughtUp = (frames: readonly Frame[]): boolean => frames.at(-1)?.caughtUp === true;

describe("a page that uses fetch and JSON over HTTP/1.1", () => {
  test("receives by Receive, speaks by Submit, and resumes from its position", async () => {
    const [ada, ben] = await Promise.all([register(node.publicUrl, "ada"), register(node.publicUrl, "ben")]);
    const conversationId = directConversation(ada.accountId, ben.accountId);
    let ticket = "";
    {
      await using stream = new ReceivedStream(ada, {});
      const { sessionId, resumeTicket } = (await stream.until(caughtUp))[0]?.opened ?? {
        sessionId: "",
        resumeTicket: "",
      };
      ticket = resumeTicket;
      const submit = (...frames: object[]) => ada.client.call(`${session}/Submit`, { sessionId, frames });
      const answer = submitSchema.parse(
        await submit(textFrame(conversationId, "one"), textFrame(conversationId, "two")),
      );
      expect(answer.results.map(({ committed }) => committed.position.seq)).toEqual(["1", "2"]);
      const own = await stream.until((frames) => textsOf(frames).length === 2);
      expect(textsOf(own)).toEqual(["1 one", "2 two"]);
      await submit({ ack: lastDeliveryId(own) }, { ping: "5" });
      expect((await stream.until((frames) => frames.at(-1)?.pong !== undefined)).at(-1)?.pong).toBe("5");
    }
    await sendText(ben, conversationId, "three");
    const positions = { positions: [{ conversationId, epoch: "1", seq: "2" }], last: true };
    await using resumed = new ReceivedStream(ada, { resumeTicket: ticket, positions });
    expect(textsOf(await resumed.until(caughtUp))).toEqual(["3 three"]);
  });

  test("a Submit to a session that was superseded is refused", async () => {
    const eve = await register(node.publicUrl, "eve");
    await using first = new ReceivedStream(eve, {});
    const sessionId = (await first.until(caughtUp))[0]?.opened?.sessionId;
    await using second = new ReceivedStream(eve, {});
    await second.until(caughtUp);
    const end = await first.until((frames) => frames.at(-1)?.closed !== undefined);
    expect(end.at(-1)?.closed?.reason).toBe("CLOSE_REASON_SUPERSEDED");
    const submit = eve.client.call(`${session}/Submit`, { sessionId, frames: [{ ping: "1" }] });
    await expect(submit).rejects.toMatchObject({ code: "NOT_FOUND", reason: "SESSION_NOT_FOUND" });
  });

  test("gets by Poll what comes, again until it acknowledges, and then no more", async () => {
    const [kim, lou] = await Promise.all([register(node.publicUrl, "kim"), register(node.publicUrl, "lou")]);
    const conversationId = directConversation(kim.accountId, lou.accountId);
    const poll = async (request: object): Promise<Frame[]> =>
      pollSchema.parse(await kim.client.call(`${session}/Poll`, request)).frames;
    const first = await poll({ open: {}, wait: "5s" });
    const sessionId = first[0]?.opened?.sessionId ?? "";
    expect(sessionId).not.toBe("");

    const waiting = pollUntil(
      () => poll({ sessionId, wait: "10s" }),
      (frames) => textsOf(frames).length > 0,
    );
    await sendText(lou, conversationId, "hello");
    expect(textsOf(await waiting)).toEqual(["1 hello"]);

    const again = await pollUntil(
      () => poll({ sessionId, wait: "5s" }),
      (frames) => textsOf(frames).length > 0,
    );
    expect(textsOf(again)).toEqual(["1 hello"]);
    expect(textsOf(await poll({ sessionId, wait: "0s", ack: lastDeliveryId(again) }))).toEqual([]);
    await sendText(lou, conversationId, "bye");
    const more = await pollUntil(
      () => poll({ sessionId, wait: "5s" }),
      (frames) => textsOf(frames).length > 0,
    );
    expect(textsOf(more)).toEqual(["2 bye"]);
  });

  test("an older Poll ends with POLL_SUPERSEDED when a newer one comes", async () => {
    const mia = await register(node.publicUrl, "mia");
    const poll = async (request: object): Promise<Frame[]> =>
      pollSchema.parse(await mia.client.call(`${session}/Poll`, request)).frames;
    const opening = await poll({ open: {}, wait: "5s" });
    const sessionId = opening[0]?.opened?.sessionId;
    // Nothing is left to say then, so that the next one waits.
    if (!opening.some((frame) => frame.caughtUp))
      await pollUntil(() => poll({ sessionId, wait: "5s" }), caughtUp);
    const older = mia.client
      .call(`${session}/Poll`, { sessionId, wait: "10s" })
      .catch((error: unknown) => error);
    // The order in which two connections are read is nobody's promise; a call in between makes it likely enough.
    await mia.client.call("parley.account.v1.AccountService/GetAccount", {});
    await mia.client.call(`${session}/Poll`, { sessionId, wait: "0s" });
    expect(await older).toMatchObject({ code: "ABORTED", reason: "POLL_SUPERSEDED" });
  });
});

/** Polls until the frames of one answer are what is waited for; empty answers and controls are passed over. */
async function pollUntil(
  poll: () => Promise<Frame[]>,
  done: (frames: readonly Frame[]) => boolean,
): Promise<Frame[]> {
  for (let round = 0; round < 10; round += 1) {
    const frames = await poll();
    if (done(frames)) return frames;
  }
  throw new Error("ten polls brought nothing");
}
