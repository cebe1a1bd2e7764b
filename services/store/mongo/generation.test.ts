import { missingForMongo } from "../../testkit/mongo-server.ts";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { describeGenerationContract } from "../contract/generation.contract.ts";
import { useMongoServer } from "./fixtures/mongo-store.ts";
import { createMongoGenerationStore } from "./generation.ts";

suiteWithout(missingForMongo())("the store on MongoDB", () => {
  const { open } = useMongoServer();
  describeGenerationContract("MongoDB", () => open(createMongoGenerationStore));
});
