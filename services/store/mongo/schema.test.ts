import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { migrations } from "./schema.ts";

/** Of the collections and indexes of each version. One that databases have must never change: add another one. */
const digests = ["ea118a6713558d5f"];

test("the indexes of a version that databases may have stay as they are", () => {
  const found = migrations.map(({ collections }) =>
    createHash("sha256").update(JSON.stringify(collections)).digest("hex").slice(0, 16),
  );
  expect(found).toEqual(digests);
});

test("versions count from 1 without a hole", () => {
  expect(migrations.map(({ version }) => version)).toEqual(migrations.map((_, index) => index + 1));
});
