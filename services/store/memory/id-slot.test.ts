import { describeIdSlotContract } from "../contract/id-slot.contract.ts";
import { createMemoryIdSlotStore } from "./id-slot.ts";

describeIdSlotContract("memory", async () => ({
  store: createMemoryIdSlotStore(),
  [Symbol.asyncDispose]: async () => undefined,
}));
