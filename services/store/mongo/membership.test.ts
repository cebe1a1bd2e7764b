import { missingForMongo } from "../../testkit/mongo-server.ts";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { describeMembershipContract } from "../contract/membership.contract.ts";
import { crowdOf, useMongoServer } from "./fixtures/mongo-store.ts";
import { createMongoMembershipStore } from "./membership.ts";

suiteWithout(missingForMongo())("the store on MongoDB", () => {
  const { open } = useMongoServer();
  describeMembershipContract("MongoDB", () => open(createMongoMembershipStore), { crowd: crowdOf(5_000) });
});
