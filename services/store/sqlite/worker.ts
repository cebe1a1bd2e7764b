import type { ProcedureTables } from "../../sqlite/procedures.ts";
import { accountProcedures } from "./account.worker.ts";
import { changeProcedures } from "./change.worker.ts";
import { copyProcedures } from "./copy.worker.ts";
import { deviceProcedures } from "./device.worker.ts";
import { entryProcedures } from "./entry.worker.ts";
import { epochHeadProcedures } from "./epoch-head.worker.ts";
import { epochMarkProcedures } from "./epoch-mark.worker.ts";
import { generationProcedures } from "./generation.worker.ts";
import { headProcedures } from "./head.worker.ts";
import { idSlotProcedures } from "./id-slot.worker.ts";
import { membershipProcedures } from "./membership.worker.ts";
import { personalProcedures } from "./personal.worker.ts";
import { secretKeyProcedures } from "./secret-key.worker.ts";
import { signingKeyProcedures } from "./signing-key.worker.ts";

/** What the store's worker thread can do: the procedures of all collections, whose names do not overlap. */
export const procedures = {
  reads: {
    ...accountProcedures.reads,
    ...changeProcedures.reads,
    ...copyProcedures.reads,
    ...deviceProcedures.reads,
    ...entryProcedures.reads,
    ...epochHeadProcedures.reads,
    ...epochMarkProcedures.reads,
    ...headProcedures.reads,
    ...membershipProcedures.reads,
    ...personalProcedures.reads,
    ...signingKeyProcedures.reads,
  },
  writes: {
    ...accountProcedures.writes,
    ...copyProcedures.writes,
    ...deviceProcedures.writes,
    ...entryProcedures.writes,
    ...epochHeadProcedures.writes,
    ...epochMarkProcedures.writes,
    ...generationProcedures.writes,
    ...headProcedures.writes,
    ...idSlotProcedures.writes,
    ...membershipProcedures.writes,
    ...personalProcedures.writes,
    ...secretKeyProcedures.writes,
    ...signingKeyProcedures.writes,
  },
} satisfies ProcedureTables;
