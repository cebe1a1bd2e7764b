import { missingForMongo } from "../../testkit/mongo-server.ts";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { describePersonalContract } from "../contract/personal.contract.ts";
import { crowdOf, useMongoServer } from "./fixtures/mongo-store.ts";
import { createMongoPersonalStore } from "./personal.ts";

suiteWithout(missingForMongo())("the store on MongoDB", () => {
  const { open } = useMongoServer();
  describePersonalContract("MongoDB", () => open(createMongoPersonalStore), { crowd: crowdOf(1_000) });
});
