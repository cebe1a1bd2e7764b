import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { seededRng } from "../testkit/seeded-rng.ts";
import { createResumeTickets, readTicketKey, ticketCharsMax } from "./resume-ticket.ts";

const rng = seededRng(5);
const tickets = createResumeTickets(rng.bytes(32));
const text = fc.string({ maxLength: 64, unit: "grapheme-ascii" });
const ticket = fc.record({ deviceId: text, generation: fc.bigInt(0n, 2n ** 64n - 1n), conversations: text });

describe("a resume ticket", () => {
  test("says on every node of the installation what was put into it, in at most 512 characters", () => {
    fc.assert(
      fc.property(ticket, (fields) => {
        const sealed = tickets.seal(fields);
        expect(sealed.length).toBeLessThanOrEqual(ticketCharsMax);
        expect(tickets.read(sealed)).toEqual(fields);
      }),
    );
  });

  test("is ignored when it was changed, signed with another key, or is something else", () => {
    const sealed = tickets.seal({ deviceId: "d1", generation: 4n, conversations: "v" });
    const other = createResumeTickets(rng.bytes(32));
    expect(other.read(sealed)).toBeUndefined();
    // The last character of base64 may hold bits that mean nothing, hence not that one.
    for (let index = 0; index < sealed.length - 1; index += 1) {
      const swapped = sealed[index] === "A" ? "B" : "A";
      const changed = `${sealed.slice(0, index)}${swapped}${sealed.slice(index + 1)}`;
      expect(tickets.read(changed)).toBeUndefined();
    }
    fc.assert(fc.property(fc.string({ maxLength: 600 }), (junk) => tickets.read(junk) === undefined));
  });

  test("is signed with the installation's key of that name", async () => {
    const asked: string[] = [];
    const keys = {
      readOrCreate: (name: string, candidate: Uint8Array) => {
        asked.push(`${name} ${candidate.byteLength}`);
        return Promise.resolve(candidate);
      },
    };
    expect(await readTicketKey(keys, rng)).toHaveLength(32);
    expect(asked).toEqual(["resume-ticket 32"]);
  });
});
