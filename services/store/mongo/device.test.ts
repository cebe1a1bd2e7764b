import { missingForMongo } from "../../testkit/mongo-server.ts";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { describeDeviceContract } from "../contract/device.contract.ts";
import { createMongoDeviceStore } from "./device.ts";
import { useMongoServer } from "./fixtures/mongo-store.ts";

suiteWithout(missingForMongo())("the store on MongoDB", () => {
  const { open } = useMongoServer();
  describeDeviceContract("MongoDB", () => open(createMongoDeviceStore));
});
