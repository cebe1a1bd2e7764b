import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { oneCharacterOff } from "./fixtures/one-character-off.ts";
import { openRefreshTokensMax } from "./limits.ts";
import {
  advanceFamily,
  formatRefreshToken,
  hashOf,
  judgeRefreshToken,
  openFamily,
  parseRefreshToken,
  type RefreshFamily,
  type RefreshVerdict,
  successorNumber,
} from "./refresh-token.ts";

const key = new Uint8Array(32).fill(1);
const deviceId = "0123456789abc";

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const count = fc.integer({ min: 1, max: 9_999_999_999 });

describe("the text of refresh tokens", () => {
  test("what was written is read back, within 128 characters", () => {
    fc.assert(
      fc.property(count, count, bytes32, (loginCount, number, secret) => {
        const text = formatRefreshToken({ deviceId, loginCount, number }, secret, key);
        expect(text.length).toBeLessThanOrEqual(128);
        expect(parseRefreshToken(text, key)).toEqual({ deviceId, loginCount, number, hash: hashOf(text) });
      }),
    );
  });

  test("a token with any one character changed, added or missing is nobody's", () => {
    const text = formatRefreshToken(
      { deviceId, loginCount: 12, number: 34 },
      new Uint8Array(32).fill(9),
      key,
    );
    const accepted = oneCharacterOff(text, "0Aa_-.").filter(
      (bad) => parseRefreshToken(bad, key) !== undefined,
    );
    expect(accepted).toEqual([]);
  });

  test("a token of another installation and garbage are nobody's", () => {
    const text = formatRefreshToken({ deviceId, loginCount: 1, number: 1 }, new Uint8Array(32), key);
    expect(parseRefreshToken(text, new Uint8Array(32).fill(2))).toBeUndefined();
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 128 }), (garbage) => {
        expect(parseRefreshToken(garbage, key)).toBeUndefined();
      }),
    );
  });
});

/** A token in the model, which knows nothing of numbers and hashes. */
interface ModelToken {
  readonly text: string;
  readonly parent: ModelToken | undefined;
  readonly children: ModelToken[];
  used: boolean;
}

/** The rule of the contract: good until a successor, its own or a sibling's, is used; then it is a theft. */
function expectedKind(token: ModelToken): "good" | "reused" | "invalid" {
  const siblings = token.parent?.children ?? [];
  const successorUsed = token.children.some((child) => child.used);
  if (successorUsed || siblings.some((sibling) => sibling !== token && sibling.used)) return "reused";
  // Out of more open ones than are kept, the oldest are forgotten; nobody used them, so nothing was stolen.
  const isKept = token.used || siblings.indexOf(token) >= siblings.length - openRefreshTokensMax;
  return isKept ? "good" : "invalid";
}

function kindOf(verdict: RefreshVerdict): "good" | "reused" | "invalid" {
  return verdict === "newest" || verdict === "previous" ? "good" : verdict;
}

/** Presents a token as refresh-tokens.ts does, without the store. */
function present(family: RefreshFamily, text: string, secret: Uint8Array) {
  const token = parseRefreshToken(text, key);
  if (token === undefined) throw new Error("the model presents genuine tokens only");
  const verdict = judgeRefreshToken(family, token);
  if (verdict === "invalid" || verdict === "reused") return { verdict, family, successor: undefined };
  const name = { deviceId, loginCount: family.loginCount, number: successorNumber(family, verdict) };
  const successor = formatRefreshToken(name, secret, key);
  return { verdict, family: advanceFamily(family, token, verdict, hashOf(successor)), successor };
}

describe("the life of refresh tokens", () => {
  test("a token is accepted exactly while no successor of it or of a sibling was used, whoever presents what", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 60 }), (choices) => {
        let serial = 0;
        const nextSecret = (): Uint8Array => new Uint8Array(32).fill((serial += 1) % 256);
        const first = formatRefreshToken({ deviceId, loginCount: 1, number: 1 }, nextSecret(), key);
        let family = openFamily(1, hashOf(first));
        // Whoever holds whichever token, client or thief, with answers lost or not: any may come at any time.
        // Low choices take recent tokens, so that long chains grow too.
        const known: ModelToken[] = [{ text: first, parent: undefined, children: [], used: false }];
        for (const choice of choices) {
          const back = choice % 3 === 0 ? choice % known.length : choice % Math.min(3, known.length);
          const token = known[known.length - 1 - back];
          if (token === undefined) throw new Error("there is always a token");
          const result = present(family, token.text, nextSecret());
          expect(kindOf(result.verdict)).toBe(expectedKind(token));
          if (result.successor === undefined) continue;
          family = result.family;
          token.used = true;
          const child = { text: result.successor, parent: token, children: [], used: false };
          token.children.push(child);
          known.push(child);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("a client that loses answers at random and repeats itself is never logged out", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 100 }), (lost) => {
        let held = formatRefreshToken({ deviceId, loginCount: 3, number: 1 }, new Uint8Array(32), key);
        let family = openFamily(3, hashOf(held));
        for (const [index, isLost] of lost.entries()) {
          const result = present(family, held, new Uint8Array(32).fill(index));
          expect(result.successor).toBeDefined();
          family = result.family;
          if (!isLost) held = result.successor ?? held;
        }
      }),
    );
  });

  test("once thief and client hold one token, the second to use a successor is noticed, whatever was lost", () => {
    fc.assert(
      fc.property(fc.nat(4), fc.nat(4), fc.boolean(), (clientRepeats, thiefRepeats, clientFirst) => {
        const stolen = formatRefreshToken({ deviceId, loginCount: 1, number: 1 }, new Uint8Array(32), key);
        let family = openFamily(1, hashOf(stolen));
        let serial = 0;
        const exchange = (text: string): string => {
          const result = present(family, text, new Uint8Array(32).fill((serial += 1)));
          family = result.family;
          return result.successor ?? result.verdict;
        };
        const exchangeAgain = (times: number): string =>
          Array.from({ length: times + 1 }, () => exchange(stolen)).at(-1) ?? "";
        const held = [exchangeAgain(clientRepeats), exchangeAgain(thiefRepeats)];
        const [one = "", other = ""] = clientFirst ? held : held.toReversed();
        expect(exchange(one)).toMatch(/^0123/);
        expect(exchange(other)).toBe("reused");
        expect(exchange(stolen)).toBe("reused");
      }),
    );
  });

  test("a token of another login, or newer than the row knows, ends nothing", () => {
    const family = openFamily(2, new Uint8Array(32));
    const token = { deviceId, loginCount: 2, number: 1, hash: new Uint8Array(32) };
    expect(judgeRefreshToken(family, token)).toBe("newest");
    expect(judgeRefreshToken(family, { ...token, loginCount: 1 })).toBe("invalid");
    expect(judgeRefreshToken(family, { ...token, loginCount: 3 })).toBe("invalid");
    expect(judgeRefreshToken(family, { ...token, number: 2 })).toBe("invalid");
  });
});
