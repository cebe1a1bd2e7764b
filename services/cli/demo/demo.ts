import { create } from "@bufbuild/protobuf";
import { ContentSchema } from "../../../gen/parley/message/v1/content_pb.ts";
import { SendMessageRequestSchema } from "../../../gen/parley/message/v1/message_service_pb.ts";
import { sleep } from "../../kernel/clock.ts";
import { directConversationId } from "../../message/conversation-id.ts";
import { adminClient } from "../cluster/admin-client.ts";
import { CommandError } from "../command-error.ts";
import { type RepeatOptions, repeatCall } from "../repeat-call.ts";
import { DemoDevice } from "./demo-device.ts";
import { DemoJournal } from "./demo-journal.ts";
import type { DemoNode } from "./demo-nodes.ts";
import { type DemoPerson, logIn, register } from "./demo-person.ts";
import { type DemoPlaces, placeDemo } from "./demo-places.ts";
import type { DemoReporter } from "./demo-reporter.ts";
import { type DemoEvidence, judgeDemo } from "./demo-verdict.ts";
import { listAll, seenEntry } from "./seen-entry.ts";

/** Messages of the burst that go out together. */
const groupSize = 10;

/** Between two such groups, in milliseconds. */
const groupEveryMs = 60;

/** From sending a group to killing the owner, in milliseconds: long enough for it to be on its way there. */
const killAfterMs = 1;

/** How long everything may take to arrive, in milliseconds. */
const arrivedMsMax = 30_000;

/** What a demo needs, and whom it tells. */
export interface DemoOptions extends RepeatOptions {
  readonly nodes: readonly DemoNode[];
  /** Messages of the burst. */
  readonly messages: number;
  readonly reporter: DemoReporter;
}

/** Somebody with a device that is attached to a node. */
interface Role {
  readonly person: DemoPerson;
  readonly device: DemoDevice;
  readonly node: DemoNode;
}

interface Cast {
  readonly options: DemoOptions;
  readonly conversationId: string;
  readonly places: DemoPlaces<DemoNode>;
  readonly journal: DemoJournal;
  readonly alice: Role;
  readonly bob: Role;
}

/**
 * Lets two people talk across two nodes, kills the owner of their conversation in the middle of a burst, and judges what
 * is left. Resolves to whether all is well. Throws when it was interrupted.
 */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  const cast = await gather(options);
  try {
    await talk(cast);
    const killedMs = await burst(cast);
    await untilArrived(cast);
    const evidence = await readBack(cast, killedMs);
    const verdict = judgeDemo(evidence);
    options.reporter.verdict(verdict);
    return verdict.problems.length === 0;
  } finally {
    await Promise.all([cast.alice.device.stop(), cast.bob.device.stop()]);
  }
}

/** Makes the accounts, finds out who owns their conversation, and attaches the two elsewhere. */
async function gather(options: DemoOptions): Promise<Cast> {
  const { nodes, reporter, clock } = options;
  const anyNode = nodes[0]?.public ?? "";
  const aliceId = await register(options, anyNode, "alice");
  const bobId = await register(options, anyNode, "bob");
  const conversationId = directConversationId(aliceId, bobId);
  const places = placeDemo(nodes, await ownersOf(options, nodes[0], conversationId));
  const { alice, bob, owner } = places;
  const people = [
    await logIn(options, alice.public, "alice"),
    await logIn(options, bob.public, "bob"),
  ] as const;
  const journal = new DemoJournal(clock, conversationId, (trace) => reporter.message(trace));
  const servers = [alice, bob, owner].map((node) => node.public);
  const device = (person: DemoPerson, first: DemoNode): DemoDevice =>
    new DemoDevice({
      ...options,
      person,
      servers: [first.public, ...servers.filter((server) => server !== first.public)],
      conversationId,
      onStored: (entry) => journal.stored(person, entry),
      onTry: (id) => journal.tried(id),
      onSettled: (id, settlement) => journal.settled(id, settlement),
      onLost: (text) => reporter.lost(text),
    }).start();
  const cast = {
    options,
    conversationId,
    places,
    journal,
    alice: { person: people[0], device: device(people[0], alice), node: alice },
    bob: { person: people[1], device: device(people[1], bob), node: bob },
  };
  await bounded(cast, Promise.all([cast.alice.device.caughtUp, cast.bob.device.caughtUp]));
  reporter.places(places, conversationId);
  return cast;
}

async function ownersOf(
  options: DemoOptions,
  asked: DemoNode | undefined,
  conversationId: string,
): Promise<readonly string[]> {
  const admin = adminClient(asked?.admin ?? "");
  const subject = { case: "conversationId", value: conversationId } as const;
  const { nodeIds } = await repeatCall(options, () => admin.listOwners({ subject }));
  return nodeIds;
}

function say({ options, conversationId, journal }: Cast, { person, device }: Role, text: string): void {
  const clientMessageId = options.rng.uuid();
  const content = create(ContentSchema, { kind: { case: "text", value: { text } } });
  journal.made(person, clientMessageId, text);
  device.send(create(SendMessageRequestSchema, { conversationId, clientMessageId, content }));
}

/** A few words, each after the one before has arrived. */
async function talk(cast: Cast): Promise<void> {
  const lines = [
    [cast.alice, "Hello, Bob"],
    [cast.bob, "Hello, Alice. Which node are you at?"],
    [cast.alice, `At ${cast.alice.node.name}. And you?`],
    [cast.bob, `At ${cast.bob.node.name}`],
  ] as const;
  for (const [role, text] of lines) {
    say(cast, role, text);
    const arrived = await untilArrived(cast);
    if (!arrived) throw new CommandError(`${role.person.handle}'s words did not arrive: ${text}`);
  }
}

/** Sends many messages, some of them at the moment at which the owner is killed. Resolves to that moment. */
async function burst(cast: Cast): Promise<number> {
  const { options, alice, places } = cast;
  const { clock, signal, reporter, messages } = options;
  reporter.burst(clock.monotonicMs(), messages);
  let killedMs = clock.monotonicMs();
  const killAt = Math.floor(messages / 2);
  for (let sent = 0; sent < messages && !signal.aborted; sent += groupSize) {
    for (let index = sent; index < Math.min(sent + groupSize, messages); index++) {
      say(cast, alice, `Message ${index + 1} of ${messages}`);
    }
    if (sent <= killAt && killAt < sent + groupSize) {
      await sleep(clock, killAfterMs);
      killedMs = clock.monotonicMs();
      places.owner.process.send("SIGKILL");
      reporter.killed(places.owner.name, killedMs, alice.device.underWay);
    }
    await sleep(clock, groupEveryMs, signal);
  }
  return killedMs;
}

/** Waits until every message is acknowledged and stored by both. After `arrivedMsMax` the checkers say what is missing. */
function untilArrived(cast: Cast): Promise<boolean> {
  return bounded(cast, cast.journal.allEnded());
}

/** Whether the condition came true within `arrivedMsMax`. Throws when the demo is interrupted meanwhile. */
async function bounded({ options }: Pick<Cast, "options">, condition: Promise<unknown>): Promise<boolean> {
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  const came = condition.then(() => true);
  const isTrue = await Promise.race([came, sleep(options.clock, arrivedMsMax, signal).then(() => false)]);
  over.abort();
  options.signal.throwIfAborted();
  return isTrue;
}

/** What the two list at their nodes, beside what they have lived through. */
async function readBack(cast: Cast, killedMs: number): Promise<DemoEvidence> {
  const { options, conversationId, journal, alice, bob, places } = cast;
  const roles = [alice, bob];
  const beganMs = options.clock.monotonicMs();
  const logs = await Promise.all(
    roles.map(async ({ person, node }) => {
      const listed = await listAll(options, { person, server: node.public, conversationId });
      return { conversationId, entries: listed.map(seenEntry), listedBy: `${person.handle} at ${node.name}` };
    }),
  );
  const endedMs = options.clock.monotonicMs();
  const [newOwner = ""] = await ownersOf(options, alice.node, conversationId);
  const { signal } = await places.owner.process.ended;
  options.reporter.readBack(logs[0]?.entries.length ?? 0, newOwner);
  return {
    sends: journal.sends(),
    logs,
    observers: roles.map(({ person }) => journal.observer(person)),
    reads: roles.map(({ person }, index) => ({
      readerId: person.accountId,
      conversationId,
      beganMs,
      endedMs,
      headSeq: logs[index]?.entries.at(-1)?.seq ?? 0n,
    })),
    killedMs: signal === "SIGKILL" ? killedMs : undefined,
  };
}
