import { missingForMongo } from "../../testkit/mongo-server.ts";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { describeEpochHeadContract } from "../contract/epoch-head.contract.ts";
import { createMongoEpochHeadStore } from "./epoch-head.ts";
import { useMongoServer } from "./fixtures/mongo-store.ts";

suiteWithout(missingForMongo())("the store on MongoDB", () => {
  const { open } = useMongoServer();
  describeEpochHeadContract("MongoDB", () => open(createMongoEpochHeadStore));
});
