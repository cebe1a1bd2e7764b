import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Content } from "../../gen/parley/message/v1/content_pb.ts";
import type { Entry } from "../../gen/parley/message/v1/entry_pb.ts";

/** Names accounts for people: handles where they are known, else ids. */
export type NameOf = (accountId: string) => Promise<string>;

/** One entry as a line for people: `12:03:04  d-…#3  alice: Hello`. */
export async function entryText(entry: Entry, nameOf: NameOf): Promise<string> {
  const time =
    entry.createTime === undefined ? "" : timestampDate(entry.createTime).toISOString().slice(11, 19);
  const sender = await nameOf(entry.senderId);
  return `${time}  ${entry.conversationId}#${entry.seq}  ${await bodyText(entry, sender, nameOf)}`;
}

async function bodyText(entry: Entry, sender: string, nameOf: NameOf): Promise<string> {
  const { body } = entry;
  switch (body.case) {
    case "message":
      return `${sender}: ${contentText(body.value)}`;
    case "groupCreated":
      return `* ${sender} created the group ${JSON.stringify(body.value.name)}`;
    case "membersAdded":
      return `* ${sender} added ${(await Promise.all(body.value.accountIds.map(nameOf))).join(", ")}`;
    case "memberRemoved":
      return `* ${sender} removed ${await nameOf(body.value.accountId)}`;
    case "memberLeft":
      return `* ${sender} left`;
    case undefined:
      return `* ${sender} did something that this version of the command does not know`;
  }
}

function contentText(content: Content): string {
  const { kind } = content;
  switch (kind.case) {
    case "text":
      return kind.value.text;
    case "image":
      return `[image, ${kind.value.mediaType}, ${kind.value.data.length} bytes]`;
    case "voiceClip":
      return `[voice clip, ${kind.value.mediaType}, ${kind.value.data.length} bytes]`;
    case "file":
      return `[file ${kind.value.name}]`;
    case "custom":
      return `[${kind.value.typeName}, ${kind.value.payload.length} bytes]`;
    case undefined:
      return "[a kind of message that this version of the command does not know]";
  }
}
