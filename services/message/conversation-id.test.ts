import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeId } from "../kernel/id-text.ts";
import { directConversationId, groupConversationId, parseConversationId } from "./conversation-id.ts";

const accountId = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(encodeId);

test("a direct conversation has one id, whoever of the two asks, and the id names both", () => {
  fc.assert(
    fc.property(accountId, accountId, (one, other) => {
      fc.pre(one !== other);
      const id = directConversationId(one, other);
      expect(directConversationId(other, one)).toBe(id);
      const [low, high] = [one, other].toSorted();
      expect(parseConversationId(id)).toEqual({ kind: "direct", low, high });
    }),
  );
});

test("an id with its accounts in the wrong order, or with one account twice, names nothing", () => {
  const low = encodeId(1n);
  const high = encodeId(2n);
  expect(parseConversationId(`d-${high}-${low}`)).toBeUndefined();
  expect(parseConversationId(`d-${low}-${low}`)).toBeUndefined();
});

test("a group's id follows from its creator and the request, and differs when either does", () => {
  const request = "6f1c1f2e-9a0b-4a3e-8f57-3a1d1f0b7c11";
  const id = groupConversationId(encodeId(1n), request);
  expect(parseConversationId(id)).toEqual({ kind: "group" });
  expect(groupConversationId(encodeId(1n), request)).toBe(id);
  expect(groupConversationId(encodeId(2n), request)).not.toBe(id);
  expect(groupConversationId(encodeId(1n), request.replace("6", "7"))).not.toBe(id);
});

test("anything else names nothing", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 64 }), (text) => {
      fc.pre(!/^(d|g)-/.test(text));
      expect(parseConversationId(text)).toBeUndefined();
    }),
  );
});
