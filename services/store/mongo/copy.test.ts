import { expect, test } from "vitest";
import { missingForMongo } from "../../testkit/mongo-server.ts";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { describeCopyContract } from "../contract/copy.contract.ts";
import { collectionNames } from "../copy/collections.ts";
import { mongoCopyEnd } from "./copy.ts";
import { useMongoServer } from "./fixtures/mongo-store.ts";
import { migrations } from "./schema.ts";

suiteWithout(missingForMongo())("the store on MongoDB", () => {
  const { open } = useMongoServer();
  describeCopyContract("MongoDB", () => open(mongoCopyEnd));
});

test("every collection of the schema is copied, so that one that is new cannot be forgotten", () => {
  const collections = migrations.flatMap((migration) => migration.collections);
  expect(collections.map(({ collection }) => collection).toSorted()).toEqual([...collectionNames].toSorted());
});
