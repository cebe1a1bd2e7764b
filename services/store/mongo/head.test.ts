import { missingForMongo } from "../../testkit/mongo-server.ts";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { describeHeadContract } from "../contract/head.contract.ts";
import { crowdOf, useMongoServer } from "./fixtures/mongo-store.ts";
import { createMongoHeadStore } from "./head.ts";

suiteWithout(missingForMongo())("the store on MongoDB", () => {
  const { open } = useMongoServer();
  describeHeadContract("MongoDB", () => open(createMongoHeadStore), { crowd: crowdOf(1_000) });
});
