import type { NodeStore } from "../../node/node-core.ts";
import { describeChangeContract } from "../../store/contract/change.contract.ts";
import { describeEntryContract } from "../../store/contract/entry.contract.ts";
import { describeEpochHeadContract } from "../../store/contract/epoch-head.contract.ts";
import { describeEpochMarkContract } from "../../store/contract/epoch-mark.contract.ts";
import { describeGenerationContract } from "../../store/contract/generation.contract.ts";
import { describeHeadContract } from "../../store/contract/head.contract.ts";
import { describeIdSlotContract } from "../../store/contract/id-slot.contract.ts";
import { describeMembershipContract } from "../../store/contract/membership.contract.ts";
import { describePersonalContract } from "../../store/contract/personal.contract.ts";
import { describeSecretKeyContract } from "../../store/contract/secret-key.contract.ts";
import { seededRng } from "../seeded-rng.ts";
import { callsRun, selfRunning } from "./self-running.ts";
import { SimHost } from "./sim-host.ts";
import { SimScheduler } from "./sim-scheduler.ts";
import { SimStore } from "./sim-store.ts";
import type { SimStoreKind } from "./sim-store-core.ts";

const kinds: readonly SimStoreKind[] = ["sqlite", "mongo"];

/** Opens one collection, or several, of a store that keeps its contents and has delays but no faults. */
function opening<Store extends object>(kind: SimStoreKind, pick: (view: NodeStore) => Store) {
  return async () => {
    const scheduler = new SimScheduler(seededRng(1));
    const store = new SimStore(scheduler, seededRng(2), {
      kind,
      delay: { minMs: 0.1, maxMs: 2, tailRate: 0.1, tailMs: 20 },
      appendFaultRate: 0,
      writeFaultRate: 0,
      readFaultRate: 0,
      lateMsMax: 100,
      majorityLagMsMax: 10,
    });
    const run = selfRunning(scheduler);
    const view = store.view(new SimHost(scheduler, "n1", seededRng(3)).boot());
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same keys, each with the collection it had
    const running = Object.fromEntries(
      Object.entries(view).map(([name, collection]) => [name, callsRun(collection, run)]),
    ) as unknown as NodeStore;
    return { store: pick(running), [Symbol.asyncDispose]: async () => undefined };
  };
}

for (const kind of kinds) {
  const name = `a simulated store like ${kind}`;
  describeEntryContract(
    name,
    opening(kind, ({ entries }) => entries),
  );
  describeHeadContract(
    name,
    opening(kind, ({ heads }) => heads),
  );
  describeMembershipContract(
    name,
    opening(kind, ({ memberships }) => memberships),
  );
  describePersonalContract(
    name,
    opening(kind, ({ personal }) => personal),
  );
  describeEpochMarkContract(
    name,
    opening(kind, ({ epochMark }) => epochMark),
  );
  describeEpochHeadContract(
    name,
    opening(kind, ({ epochHeads }) => epochHeads),
  );
  describeGenerationContract(
    name,
    opening(kind, ({ generations }) => generations),
  );
  describeIdSlotContract(
    name,
    opening(kind, ({ idSlots }) => idSlots),
  );
  describeSecretKeyContract(
    name,
    opening(kind, ({ secretKeys }) => secretKeys),
  );
  describeChangeContract(
    name,
    opening(kind, (view) => view),
  );
}
