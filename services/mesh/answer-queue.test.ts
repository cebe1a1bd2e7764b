import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { NodeCallResultSchema } from "../../gen/parley/mesh/v1/link_pb.ts";
import { AnswerQueue } from "./answer-queue.ts";

test("answers leave in order, so many and so large together, but one at least", () => {
  const queue = new AnswerQueue();
  [60, 20, 20, 5].forEach((bytes, index) => {
    const outcome = { case: "body" as const, value: new Uint8Array(bytes) };
    queue.push(create(NodeCallResultSchema, { id: BigInt(index), outcome }));
  });
  const ids = (max: number): readonly bigint[] => queue.take(max, 45).map(({ id }) => id);
  expect(ids(10)).toEqual([0n]);
  expect(ids(1)).toEqual([1n]);
  expect(queue.size).toBe(2);
  expect(ids(10)).toEqual([2n, 3n]);
  expect(ids(10)).toEqual([]);
});
