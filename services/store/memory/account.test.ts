import { describeAccountContract } from "../contract/account.contract.ts";
import { createMemoryAccountStore } from "./account.ts";
import { createMemoryDeviceStore } from "./device.ts";

describeAccountContract("memory", async () => {
  const devices = createMemoryDeviceStore();
  return { store: createMemoryAccountStore(devices), devices, [Symbol.asyncDispose]: async () => undefined };
});
