import { missingForMongo } from "../../testkit/mongo-server.ts";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { describeIdSlotContract } from "../contract/id-slot.contract.ts";
import { useMongoServer } from "./fixtures/mongo-store.ts";
import { createMongoIdSlotStore } from "./id-slot.ts";

suiteWithout(missingForMongo())("the store on MongoDB", () => {
  const { open } = useMongoServer();
  describeIdSlotContract("MongoDB", () => open(createMongoIdSlotStore));
});
