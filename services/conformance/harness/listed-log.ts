import type { ListedLog, SeenEntry } from "../../history/history.ts";
import { seenEntry } from "./device-store.ts";
import { repeatCall, type User } from "./user.ts";

/** Reads all that a member may see of a conversation, by ListEntries. */
export async function listLog(user: User, conversationId: string): Promise<ListedLog> {
  const entries: SeenEntry[] = [];
  let seq = 0n;
  for (;;) {
    const request = { conversationId, seq, pageSize: 500 };
    const page = await repeatCall(() => user.messages.listEntries(request));
    for (const entry of page.entries) entries.push(seenEntry(entry));
    if (!page.hasMore) return { conversationId, entries };
    seq = page.nextSeq;
  }
}
