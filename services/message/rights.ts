import { create } from "@bufbuild/protobuf";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import {
  type Entry,
  GroupCreatedSchema,
  MemberLeftSchema,
  MemberRemovedSchema,
  MembersAddedSchema,
} from "../../gen/parley/message/v1/entry_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { InvalidFieldFault } from "../rpc/message-validator.ts";
import type { AppendBody, AppendCommand } from "./append-command.ts";
import { contentProblem } from "./content-rules.ts";
import { conversationNotFound, notAGroup, notAMember } from "./conversation-faults.ts";
import { type ConversationState, peerOf } from "./conversation-state.ts";
import { heirOf, isMember, type MemberFacts, sees } from "./effects.ts";

/** What was found out about the accounts that a command names, before it was its turn. */
export interface AccountFacts {
  /** Those that exist. */
  readonly existing: ReadonlySet<string>;
  /** Those that are in as many groups as they may. */
  readonly full: ReadonlySet<string>;
}

/** Bounds that a rejection can name. */
export interface RightsLimits {
  /** Encoded content, in bytes. */
  readonly contentBytesMax: number;
  readonly groupMembersMax: number;
  /** Groups that one account may be a member of. */
  readonly conversationsPerAccountMax: number;
}

/** May the command be an entry, and which? `final` rejections hold whatever the log says, now and later. */
export type Verdict =
  | { readonly kind: "accept"; readonly body: Entry["body"] }
  | { readonly kind: "reject"; readonly fault: Fault; readonly final: boolean };

/** A command with what was found out about it. */
export interface Claim {
  readonly command: AppendCommand;
  readonly contentBytes: number;
  readonly accounts: AccountFacts;
}

/** Judges a command by the conversation as it is before it. */
export function judge(state: ConversationState, claim: Claim, limits: RightsLimits): Verdict {
  const { body } = claim.command;
  if (body.kind === "message" && claim.contentBytes > limits.contentBytesMax) {
    const metadata = { limit_bytes: String(limits.contentBytesMax), bytes: String(claim.contentBytes) };
    const message = `The content has ${claim.contentBytes} bytes, ${limits.contentBytesMax} are allowed`;
    return rejectForGood(new Fault(ErrorReason.CONTENT_TOO_LARGE, message, { metadata }));
  }
  const problem = body.kind === "message" ? contentProblem(body.content) : undefined;
  if (problem !== undefined) return rejectForGood(problem);
  if (state.ref.kind === "direct") return judgeDirect(state, claim);
  return body.kind === "createGroup"
    ? judgeCreation(state, claim, body, limits)
    : judgeGroup(state, claim, limits);
}

function judgeDirect(state: ConversationState, { command, accounts }: Claim): Verdict {
  const { conversationId, senderId, body } = command;
  const peer = peerOf(state.ref, senderId);
  if (peer === undefined) return rejectForGood(conversationNotFound(conversationId));
  if (body.kind !== "message") {
    return rejectForGood(notAGroup(conversationId));
  }
  if (!accounts.existing.has(peer)) return reject(accountNotFound(peer));
  const { replyToSeq } = body.content;
  return replyToSeq > state.last ? reject(replyNotFound(replyToSeq)) : acceptMessage(body);
}

function judgeGroup(state: ConversationState, claim: Claim, limits: RightsLimits): Verdict {
  const { conversationId, senderId, body } = claim.command;
  const sender = state.members.get(senderId);
  if (state.last === 0n || sender === undefined) return reject(conversationNotFound(conversationId));
  if (!isMember(sender)) {
    return reject(notAMember(conversationId));
  }
  switch (body.kind) {
    case "message":
      return judgeGroupMessage(state, sender, body);
    case "leaveGroup": {
      const newOwnerId = sender.role === "owner" ? heirOf(state.members, senderId) : "";
      return accept({ case: "memberLeft", value: create(MemberLeftSchema, { newOwnerId }) });
    }
    case "addMembers":
      return sender.role === "owner"
        ? judgeAddition(state, claim, body.accountIds, limits)
        : reject(roleRequired());
    case "removeMember":
      return sender.role === "owner" ? judgeRemoval(state, senderId, body.accountId) : reject(roleRequired());
    case "createGroup":
      throw new Error("a creation is judged elsewhere");
  }
}

function judgeGroupMessage(
  state: ConversationState,
  sender: MemberFacts,
  body: Extract<AppendBody, { kind: "message" }>,
): Verdict {
  const { replyToSeq } = body.content;
  const visible = replyToSeq === 0n || (replyToSeq <= state.last && sees(sender.intervals, replyToSeq));
  return visible ? acceptMessage(body) : reject(replyNotFound(replyToSeq));
}

function judgeCreation(
  state: ConversationState,
  { command, accounts }: Claim,
  body: Extract<AppendBody, { kind: "createGroup" }>,
  limits: RightsLimits,
): Verdict {
  // The id follows from creator and request, so a group that exists was made by an earlier request of this id.
  if (state.last > 0n) {
    const metadata = { request_id: command.clientMessageId };
    return reject(
      new Fault(ErrorReason.REQUEST_ID_CONFLICT, "This request_id made another group", { metadata }),
    );
  }
  const others = body.memberIds.filter((accountId) => accountId !== command.senderId);
  const memberIds = [...new Set([command.senderId, ...others])];
  const missing = others.find((accountId) => !accounts.existing.has(accountId));
  if (missing !== undefined) return reject(accountNotFound(missing));
  if (memberIds.length > limits.groupMembersMax) return reject(memberLimit(limits));
  const full = memberIds.find((accountId) => accounts.full.has(accountId));
  if (full !== undefined) return reject(conversationLimit(full, limits));
  return accept({ case: "groupCreated", value: create(GroupCreatedSchema, { name: body.name, memberIds }) });
}

function judgeAddition(
  state: ConversationState,
  { accounts }: Claim,
  accountIds: readonly string[],
  limits: RightsLimits,
): Verdict {
  const added = [...new Set(accountIds)].filter((accountId) => !isMember(state.members.get(accountId)));
  const missing = added.find((accountId) => !accounts.existing.has(accountId));
  if (missing !== undefined) return reject(accountNotFound(missing));
  if (added.length === 0) return reject(membershipUnchanged(accountIds[0] ?? ""));
  const members = [...state.members.values()].filter(isMember).length;
  if (members + added.length > limits.groupMembersMax) return reject(memberLimit(limits));
  const full = added.find((accountId) => accounts.full.has(accountId));
  if (full !== undefined) return reject(conversationLimit(full, limits));
  return accept({ case: "membersAdded", value: create(MembersAddedSchema, { accountIds: added }) });
}

function judgeRemoval(state: ConversationState, senderId: string, accountId: string): Verdict {
  if (accountId === senderId) {
    const description = "an owner leaves a group, it does not remove itself";
    return reject(new InvalidFieldFault([{ field: "account_id", description, reason: "not the caller" }]));
  }
  if (!isMember(state.members.get(accountId))) return reject(membershipUnchanged(accountId));
  return accept({ case: "memberRemoved", value: create(MemberRemovedSchema, { accountId }) });
}

function accept(body: Entry["body"]): Verdict {
  return { kind: "accept", body };
}

function acceptMessage(body: Extract<AppendBody, { kind: "message" }>): Verdict {
  return accept({ case: "message", value: body.content });
}

function reject(fault: Fault): Verdict {
  return { kind: "reject", fault, final: false };
}

/** For rejections that rest on the command alone: no entry, seen or not yet seen, can change them. */
function rejectForGood(fault: Fault): Verdict {
  return { kind: "reject", fault, final: true };
}

function accountNotFound(accountId: string): Fault {
  return new Fault(ErrorReason.ACCOUNT_NOT_FOUND, `There is no account ${accountId}`, {
    metadata: { account_id: accountId },
  });
}

function replyNotFound(seq: bigint): Fault {
  return new Fault(ErrorReason.REPLY_NOT_FOUND, `There is no entry ${seq} that you can reply to`, {
    metadata: { seq: String(seq) },
  });
}

function roleRequired(): Fault {
  return new Fault(ErrorReason.ROLE_REQUIRED, "Only the owner of a group may do this", {
    metadata: { role: "owner" },
  });
}

function membershipUnchanged(accountId: string): Fault {
  return new Fault(ErrorReason.MEMBERSHIP_UNCHANGED, "The change would leave the members as they are", {
    metadata: { account_id: accountId },
  });
}

function memberLimit({ groupMembersMax }: RightsLimits): Fault {
  return new Fault(ErrorReason.MEMBER_LIMIT, `A group has at most ${groupMembersMax} members`, {
    metadata: { limit: String(groupMembersMax) },
  });
}

function conversationLimit(accountId: string, { conversationsPerAccountMax }: RightsLimits): Fault {
  return new Fault(
    ErrorReason.CONVERSATION_LIMIT,
    `Account ${accountId} is in ${conversationsPerAccountMax} groups`,
    {
      metadata: { limit: String(conversationsPerAccountMax), account_id: accountId },
    },
  );
}
