import { missingForMongo } from "../../testkit/mongo-server.ts";
import { suiteWithout } from "../../testkit/suite-plan.ts";
import { describeAccountContract } from "../contract/account.contract.ts";
import { createMongoAccountStore } from "./account.ts";
import { createMongoDeviceStore } from "./device.ts";
import { useMongoServer } from "./fixtures/mongo-store.ts";

suiteWithout(missingForMongo())("the store on MongoDB", () => {
  const { open } = useMongoServer();
  describeAccountContract("MongoDB", async () => {
    const opened = await open((database) => ({
      accounts: createMongoAccountStore(database),
      devices: createMongoDeviceStore(database),
    }));
    const { accounts, devices } = opened.store;
    return { store: accounts, devices, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
  });
});
