import { missingForMongo } from "../../testkit/mongo-server.ts";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { describeEpochMarkContract } from "../contract/epoch-mark.contract.ts";
import { createMongoEpochMarkStore } from "./epoch-mark.ts";
import { useMongoServer } from "./fixtures/mongo-store.ts";

suiteWithout(missingForMongo())("the store on MongoDB", () => {
  const { open } = useMongoServer();
  describeEpochMarkContract("MongoDB", () => open(createMongoEpochMarkStore));
});
