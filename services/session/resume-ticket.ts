import { createHmac, timingSafeEqual } from "node:crypto";
import type { Rng } from "../kernel/rng.ts";
import type { SecretKeyStore } from "../kernel/secret-keys.ts";

/** What a ticket remembers. No positions: those are the device's. */
export interface Ticket {
  readonly deviceId: string;
  readonly generation: bigint;
  /** The version of the account's conversations when it was made. */
  readonly conversations: string;
}

/** Makes and reads signed tickets, the same on every node of an installation. */
export interface ResumeTickets {
  /** At most 512 characters. */
  seal(ticket: Ticket): string;
  /** What a ticket says, or undefined when it is not one of ours; never throws. */
  read(text: string): Ticket | undefined;
}

/** Characters of a ticket; contract. */
export const ticketCharsMax = 512;
const keyName = "resume-ticket";
const keyBytes = 32;
const revision = "1";

/** Reads the installation's key, making it at first use. Throws what the store throws. */
export async function readTicketKey(keys: SecretKeyStore, rng: Rng): Promise<Uint8Array> {
  return keys.readOrCreate(keyName, rng.bytes(keyBytes));
}

/** Creates the tickets of one installation from its key. */
export function createResumeTickets(key: Uint8Array): ResumeTickets {
  const sign = (body: string): Buffer => createHmac("sha256", key).update(`${keyName}/${body}`).digest();
  return {
    seal: ({ deviceId, generation, conversations }) => {
      const fields = [deviceId, generation.toString(), conversations].map(encode);
      const body = [revision, ...fields].join(".");
      return `${body}.${sign(body).toString("base64url")}`;
    },
    read: (text) => {
      const end = text.lastIndexOf(".");
      if (text.length > ticketCharsMax || end < 0) return undefined;
      const body = text.slice(0, end);
      const signature = Buffer.from(text.slice(end + 1), "base64url");
      const expected = sign(body);
      if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) return undefined;
      const [, deviceId = "", generation = "", conversations = ""] = body.split(".").map(decode);
      // Only a newer node could have signed something that does not parse.
      if (!body.startsWith(`${revision}.`) || !/^\d{1,20}$/.test(generation)) return undefined;
      return { deviceId, generation: BigInt(generation), conversations };
    },
  };
}

function encode(text: string): string {
  return Buffer.from(text).toString("base64url");
}

function decode(text: string): string {
  return Buffer.from(text, "base64url").toString();
}
