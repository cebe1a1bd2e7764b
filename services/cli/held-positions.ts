import { readFile } from "node:fs/promises";
import { z } from "zod";
import { writePrivateFile } from "./credentials.ts";

/** Up to where a device has everything, in one conversation. */
export interface HeldPosition {
  readonly epoch: bigint;
  readonly seq: bigint;
}

const fileSchema = z.object({
  resumeTicket: z.string(),
  // Files of earlier versions lack it.
  ordinal: z.string().default("0"),
  positions: z.record(z.string(), z.object({ epoch: z.string(), seq: z.string() })),
});

/** What a device remembers between its streams. */
export interface HeldPositions {
  readonly positions: ReadonlyMap<string, HeldPosition>;
  resumeTicket: string;
  /** Of its last open; rises with each. */
  ordinal: bigint;
  get(conversationId: string): HeldPosition | undefined;
  set(conversationId: string, position: HeldPosition): void;
  /** Writes them down; acknowledge only after this. */
  save(): Promise<void>;
}

/** Reads the positions file of a device, or begins an empty one. */
export async function openHeldPositions(path: string): Promise<HeldPositions> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return '{"resumeTicket":"","positions":{}}';
    throw error;
  });
  const file = fileSchema.parse(JSON.parse(text));
  const positions = new Map(
    Object.entries(file.positions).map(([id, held]) => [
      id,
      { epoch: BigInt(held.epoch), seq: BigInt(held.seq) },
    ]),
  );
  const held: HeldPositions = {
    positions,
    resumeTicket: file.resumeTicket,
    ordinal: BigInt(file.ordinal),
    get: (conversationId) => positions.get(conversationId),
    set: (conversationId, position) => {
      positions.set(conversationId, position);
    },
    save: async () => {
      const rows = [...positions].map(([id, { epoch, seq }]) => [id, { epoch: `${epoch}`, seq: `${seq}` }]);
      const { resumeTicket, ordinal } = held;
      const content = { resumeTicket, ordinal: `${ordinal}`, positions: Object.fromEntries(rows) };
      await writePrivateFile(path, JSON.stringify(content));
    },
  };
  return held;
}
