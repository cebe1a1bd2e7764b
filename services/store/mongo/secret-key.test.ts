import { missingForMongo } from "../../testkit/mongo-server.ts";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { describeSecretKeyContract } from "../contract/secret-key.contract.ts";
import { useMongoServer } from "./fixtures/mongo-store.ts";
import { createMongoSecretKeyStore } from "./secret-key.ts";

suiteWithout(missingForMongo())("the store on MongoDB", () => {
  const { open } = useMongoServer();
  describeSecretKeyContract("MongoDB", () => open(createMongoSecretKeyStore));
});
