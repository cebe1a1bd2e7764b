import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeId, encodeId, idTextLength } from "./id-text.ts";

const ids = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });

describe("encodeId and decodeId", () => {
  test("what is written is read back, in 13 characters", () => {
    fc.assert(
      fc.property(ids, (id) => {
        expect(encodeId(id)).toHaveLength(idTextLength);
        expect(decodeId(encodeId(id))).toBe(id);
      }),
    );
  });

  test("texts sort as their ids do", () => {
    fc.assert(
      fc.property(ids, ids, (one, two) => {
        expect(encodeId(one) < encodeId(two)).toBe(one < two);
      }),
    );
  });

  test("known values stay what they are, because they are stored", () => {
    expect(encodeId(0n)).toBe("0000000000000");
    expect(encodeId(31n)).toBe("000000000000z");
    expect(encodeId((1n << 64n) - 1n)).toBe("fzzzzzzzzzzzz");
  });

  test("each id has one text only: other spellings and lengths are refused", () => {
    const bad = [
      "",
      "0",
      "00000000000000",
      "000000000000A",
      "000000000000i",
      "000000000000l",
      "000000000000o",
    ];
    for (const text of [...bad, "000000000000u", "g000000000000", "0000000000-00", "000000000000z\n"]) {
      expect(decodeId(text)).toBeUndefined();
    }
  });

  test("any text that is read is written back as itself", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 13, maxLength: 13 }), (text) => {
        const id = decodeId(text);
        expect(id === undefined ? text : encodeId(id)).toBe(text);
      }),
    );
  });

  test("a number outside 64 bits is refused", () => {
    for (const id of [-1n, 1n << 64n]) expect(() => encodeId(id)).toThrow("64 bits");
  });
});
