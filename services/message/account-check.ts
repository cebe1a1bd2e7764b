import { Fault } from "../kernel/fault.ts";
import type { AppendCommand } from "./append-command.ts";
import { storeUnavailable } from "./append-results.ts";
import { parseConversationId } from "./conversation-id.ts";
import { peerOf } from "./conversation-state.ts";
import type { PendingAppend } from "./pending-append.ts";
import type { AccountDirectory, MembershipCounts } from "./ports.ts";
import type { AccountFacts } from "./rights.ts";

/** Accounts that one read may name; the port's own limit. */
const accountsPerReadMax = 1_000;

/** Step 1 of an append: finds out about the accounts that waiting commands name, by one read for all of them. */
export interface AccountCheck {
  /** Takes a command; it comes out of `onChecked` after every command that was submitted before it. */
  submit(pending: PendingAppend): void;
  /** Resolves when nothing is being read. */
  rest(): Promise<void>;
}

/** What a check reads from, and whom it tells. */
export interface AccountCheckDeps {
  readonly accounts: AccountDirectory;
  readonly memberships: MembershipCounts;
  readonly conversationsPerAccountMax: number;
  /** Gets the commands in the order in which they were submitted, their `accounts` set. */
  readonly onChecked: (pending: PendingAppend) => void;
}

/** Nothing is known, because nothing had to be. */
export const noAccounts: AccountFacts = { existing: new Set(), full: new Set() };

/**
 * Creates a check. One read is under way at a time; what arrives meanwhile shares the next one, so the order of arrival is
 * kept, of which the order within a stream is a part. Its queue is bounded by the appender's waiting commands.
 */
export function createAccountCheck(deps: AccountCheckDeps): AccountCheck {
  let waiting: PendingAppend[] = [];
  let reading: Promise<void> | undefined;

  const run = async (): Promise<void> => {
    while (waiting.length > 0) {
      const round = nextRound(waiting);
      waiting = waiting.slice(round.pendings.length);
      const facts = await readFacts(deps, round);
      for (const pending of round.pendings) {
        pending.accounts = namesNone(pending) ? noAccounts : facts;
        deps.onChecked(pending);
      }
    }
    reading = undefined;
  };

  return {
    submit(pending) {
      if (reading === undefined && namesNone(pending)) {
        pending.accounts = noAccounts;
        deps.onChecked(pending);
        return;
      }
      waiting.push(pending);
      // A turn later, so that commands which arrive together share the read.
      reading ??= Promise.resolve().then(run);
    },
    // A run goes on until nothing waits any more.
    rest: async () => reading,
  };
}

/** Which accounts have to exist, and which must not be in too many groups. */
interface NamedAccounts {
  readonly existing: readonly string[];
  readonly counted: readonly string[];
}

function accountsNamedBy({ conversationId, senderId, body }: AppendCommand): NamedAccounts {
  switch (body.kind) {
    case "message": {
      const ref = parseConversationId(conversationId);
      const peer = ref === undefined ? undefined : peerOf(ref, senderId);
      return { existing: peer === undefined ? [] : [peer], counted: [] };
    }
    case "createGroup":
      return { existing: body.memberIds, counted: [senderId, ...body.memberIds] };
    case "addMembers":
      return { existing: body.accountIds, counted: body.accountIds };
    case "removeMember":
    case "leaveGroup":
      return { existing: [], counted: [] };
  }
}

function namesNone(pending: PendingAppend): boolean {
  const { existing, counted } = accountsNamedBy(pending.command);
  return existing.length === 0 && counted.length === 0;
}

interface Round extends NamedAccounts {
  readonly pendings: readonly PendingAppend[];
}

/** The longest run of commands, one at least, whose accounts fit into one read. */
function nextRound(waiting: readonly PendingAppend[]): Round {
  const existing = new Set<string>();
  const counted = new Set<string>();
  let count = 0;
  for (const pending of waiting) {
    const names = accountsNamedBy(pending.command);
    const tooMany =
      existing.size + counted.size + names.existing.length + names.counted.length > accountsPerReadMax;
    if (tooMany && count > 0) break;
    for (const accountId of names.existing) existing.add(accountId);
    for (const accountId of names.counted) counted.add(accountId);
    count += 1;
  }
  return { pendings: waiting.slice(0, count), existing: [...existing], counted: [...counted] };
}

async function readFacts(
  deps: AccountCheckDeps,
  { existing, counted }: NamedAccounts,
): Promise<AccountFacts | Fault> {
  if (existing.length === 0 && counted.length === 0) return noAccounts;
  try {
    const [found, counts] = await Promise.all([
      existing.length === 0 ? new Set<string>() : deps.accounts.existing(existing),
      counted.length === 0 ? new Map<string, number>() : deps.memberships.countOpen(counted),
    ]);
    const full = counted.filter(
      (accountId) => (counts.get(accountId) ?? 0) >= deps.conversationsPerAccountMax,
    );
    return { existing: found, full: new Set(full) };
  } catch (error) {
    return error instanceof Fault ? error : storeUnavailable(error);
  }
}
