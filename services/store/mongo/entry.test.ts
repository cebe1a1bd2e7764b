import { missingForMongo } from "../../testkit/mongo-server.ts";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { describeEntryContract } from "../contract/entry.contract.ts";
import { createMongoEntryStore } from "./entry.ts";
import { useMongoServer } from "./fixtures/mongo-store.ts";

suiteWithout(missingForMongo())("the store on MongoDB", () => {
  const { open } = useMongoServer();
  describeEntryContract("MongoDB", () => open(createMongoEntryStore));
});
