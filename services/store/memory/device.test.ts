import { describeDeviceContract } from "../contract/device.contract.ts";
import { createMemoryDeviceStore } from "./device.ts";

describeDeviceContract("memory", async () => ({
  store: createMemoryDeviceStore(),
  [Symbol.asyncDispose]: async () => undefined,
}));
