import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { loadFlags } from "../harness/load-flags.ts";
import { type ParleyProcess, startParley } from "../harness/parley-process.ts";
import {
  directConversation,
  JsonError,
  login,
  type Person,
  password,
  register,
  sendText,
} from "../json-client.ts";
import { whatIsWrong } from "./healthy.ts";
import { codeOf } from "./outcome.ts";

let node: ParleyProcess;
let alice: Person;
let bob: Person;
/** Shares nothing with the other two. */
let mallory: Person;
/** Was in the group, and is no longer. */
let former: Person;
let direct: string;
let group: string;
let session: string;

const service = {
  account: "parley.account.v1.AccountService",
  message: "parley.message.v1.MessageService",
  conversation: "parley.message.v1.ConversationService",
  group: "parley.message.v1.GroupService",
  session: "parley.session.v1.SessionService",
};

beforeAll(async () => {
  node = await startParley({ flags: loadFlags });
  const join = (handle: string): Promise<Person> => register(node.publicUrl, handle);
  [alice, bob, mallory, former] = await Promise.all([
    join("ann"),
    join("ben"),
    join("mallory"),
    join("former"),
  ]);
  direct = directConversation(alice.accountId, bob.accountId);
  await sendText(alice, direct, "between us");
  const made = await alice.client.call(`${service.group}/CreateGroup`, {
    requestId: randomUUID(),
    name: "Us",
    memberIds: [bob.accountId, former.accountId],
  });
  group = z.object({ conversationId: z.string() }).parse(made).conversationId;
  await former.client.call(`${service.group}/LeaveGroup`, { requestId: randomUUID(), conversationId: group });
  const polled = await alice.client.call(`${service.session}/Poll`, { open: {}, wait: "0s" });
  session = openedSchema.parse(polled).frames[0].opened.sessionId;
});

const openedSchema = z.object({
  frames: z.tuple([z.object({ opened: z.object({ sessionId: z.string() }) })]).rest(z.unknown()),
});

afterAll(() => node[Symbol.asyncDispose]());

/** The code and reason with which a call fails. */
async function refusal(
  caller: Person,
  method: string,
  request: object,
): Promise<{ code: string; reason: string }> {
  try {
    await caller.client.call(method, request);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return { code: error.code, reason: error.reason };
  }
  return { code: "OK", reason: "" };
}

interface Case {
  readonly what: string;
  readonly method: string;
  readonly reason: string;
  readonly request: () => object;
}

const message = (conversationId: string): object => ({
  conversationId,
  clientMessageId: randomUUID(),
  content: { text: { text: "hello" } },
});

/** Calls on a conversation, however it is addressed. */
function conversationCalls(of: string, id: () => string, reason: string): Case[] {
  const conversationCase = (method: string, more: object = {}): Case => ({
    what: `${method} on ${of}`,
    method,
    reason,
    request: () => ({ conversationId: id(), ...more }),
  });
  return [
    { ...conversationCase(`${service.message}/SendMessage`), request: () => message(id()) },
    conversationCase(`${service.message}/ListEntries`),
    conversationCase(`${service.conversation}/GetConversation`),
    conversationCase(`${service.conversation}/MarkRead`, { seq: "1" }),
    conversationCase(`${service.conversation}/MuteConversation`),
  ];
}

function groupCalls(of: string, id: () => string, reason: string): Case[] {
  const groupCase = (method: string, request: () => object): Case => ({
    what: `${method} on ${of}`,
    method: `${service.group}/${method}`,
    reason,
    request: () => ({ conversationId: id(), ...request() }),
  });
  return [
    groupCase("AddMembers", () => ({ requestId: randomUUID(), accountIds: [mallory.accountId] })),
    groupCase("RemoveMember", () => ({ requestId: randomUUID(), accountId: bob.accountId })),
    groupCase("LeaveGroup", () => ({ requestId: randomUUID() })),
    groupCase("ListMembers", () => ({})),
  ];
}

const strangers: readonly Case[] = [
  ...conversationCalls("others' direct conversation", () => direct, "CONVERSATION_NOT_FOUND"),
  ...conversationCalls("others' group", () => group, "CONVERSATION_NOT_FOUND"),
  ...conversationCalls("what is no id", () => "'; --", "CONVERSATION_NOT_FOUND"),
  ...groupCalls("others' group", () => group, "CONVERSATION_NOT_FOUND"),
  ...groupCalls("others' direct conversation", () => direct, "CONVERSATION_NOT_FOUND"),
  {
    what: "RevokeDevice on another's device",
    method: `${service.account}/RevokeDevice`,
    reason: "DEVICE_NOT_FOUND",
    request: () => ({ deviceId: alice.deviceId }),
  },
  {
    what: "Submit on another's session",
    method: `${service.session}/Submit`,
    reason: "SESSION_NOT_FOUND",
    request: () => ({ sessionId: session, frames: [{ ping: "1" }] }),
  },
  {
    what: "Poll on another's session",
    method: `${service.session}/Poll`,
    reason: "SESSION_NOT_FOUND",
    request: () => ({ sessionId: session, wait: "0s" }),
  },
  {
    what: "GetAccount of nobody",
    method: `${service.account}/GetAccount`,
    reason: "ACCOUNT_NOT_FOUND",
    request: () => ({ accountId: "nobody" }),
  },
  {
    what: "SendMessage to nobody",
    method: `${service.message}/SendMessage`,
    reason: "ACCOUNT_NOT_FOUND",
    request: () => message(directConversation(mallory.accountId, "0zzzzzzzzzzzz")),
  },
  {
    what: "CreateGroup with nobody",
    method: `${service.group}/CreateGroup`,
    reason: "ACCOUNT_NOT_FOUND",
    request: () => ({ requestId: randomUUID(), name: "x", memberIds: ["0zzzzzzzzzzzz"] }),
  },
  {
    what: "Login with another's device",
    method: `${service.account}/Login`,
    reason: "DEVICE_NOT_FOUND",
    request: () => ({ handle: "mallory", password: { text: password }, deviceId: alice.deviceId }),
  },
  {
    what: "ListConversations with a page token of nobody",
    method: `${service.conversation}/ListConversations`,
    reason: "PAGE_TOKEN_INVALID",
    request: () => ({ pageToken: "bm90aGluZw" }),
  },
  {
    what: "SearchAccounts with a page token of nobody",
    method: `${service.account}/SearchAccounts`,
    reason: "PAGE_TOKEN_INVALID",
    request: () => ({ handlePrefix: "ann", pageToken: "bm90aGluZw" }),
  },
];

describe("a stranger", () => {
  test.each(strangers)("$what is refused with $reason", async ({ method, reason, request }) => {
    expect(await refusal(mallory, method, request())).toEqual({ code: codeOf(reason), reason });
  });

  test("learns from no refusal whether a thing exists: one that never was is refused alike", async () => {
    const missing = "g-00000000000000000000000000000000";
    for (const { method, request } of [
      ...conversationCalls("", () => missing, ""),
      ...groupCalls("", () => missing, ""),
    ]) {
      expect([method, await refusal(mallory, method, request())]).toEqual([
        method,
        { code: "NOT_FOUND", reason: "CONVERSATION_NOT_FOUND" },
      ]);
    }
  });
});

describe("a former member", () => {
  test.each([
    { method: `${service.message}/SendMessage`, request: () => message(group) },
    {
      method: `${service.group}/AddMembers`,
      request: () => ({ requestId: randomUUID(), conversationId: group, accountIds: [mallory.accountId] }),
    },
    {
      method: `${service.group}/RemoveMember`,
      request: () => ({ requestId: randomUUID(), conversationId: group, accountId: bob.accountId }),
    },
    { method: `${service.group}/ListMembers`, request: () => ({ conversationId: group }) },
  ])("$method is refused with NOT_A_MEMBER", async ({ method, request }) => {
    expect(await refusal(former, method, request())).toEqual({
      code: "PERMISSION_DENIED",
      reason: "NOT_A_MEMBER",
    });
  });
});

describe("a member who is not the owner", () => {
  test.each([
    { method: "AddMembers", request: () => ({ accountIds: [mallory.accountId] }) },
    { method: "RemoveMember", request: () => ({ accountId: alice.accountId }) },
  ])("$method is refused with ROLE_REQUIRED", async ({ method, request }) => {
    const all = { requestId: randomUUID(), conversationId: group, ...request() };
    expect(await refusal(bob, `${service.group}/${method}`, all)).toEqual({
      code: "PERMISSION_DENIED",
      reason: "ROLE_REQUIRED",
    });
  });

  test.each(groupCalls("a direct conversation", () => direct, "NOT_A_GROUP"))(
    "$what of one's own is refused with NOT_A_GROUP",
    async ({ method, reason, request }) => {
      expect(await refusal(bob, method, request())).toEqual({ code: codeOf(reason), reason });
    },
  );
});

test("a device's session is not another device's of the same account", async () => {
  const second = await login(node.publicUrl, "ann", password);
  const request = { sessionId: session, frames: [{ ping: "1" }] };
  expect((await refusal(second, `${service.session}/Submit`, request)).reason).toBe("SESSION_NOT_FOUND");
  expect((await refusal(alice, `${service.session}/Submit`, request)).reason).toBe("");
});

test("afterwards the node is healthy and has met no bug", async () => {
  expect(await whatIsWrong(node)).toEqual([]);
});
