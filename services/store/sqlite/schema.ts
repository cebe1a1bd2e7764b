import type { Migration } from "../../sqlite/procedures.ts";
import { accountSchema } from "./account.worker.ts";
import { changeSchema } from "./change.worker.ts";
import { storeCopySchema } from "./copy.worker.ts";
import { deviceSchema } from "./device.worker.ts";
import { entrySchema } from "./entry.worker.ts";
import { epochHeadSchema } from "./epoch-head.worker.ts";
import { epochMarkSchema } from "./epoch-mark.worker.ts";
import { generationSchema } from "./generation.worker.ts";
import { headSchema } from "./head.worker.ts";
import { idSlotSchema } from "./id-slot.worker.ts";
import { membershipSchema, membershipVersionSchema } from "./membership.worker.ts";
import { personalSchema } from "./personal.worker.ts";
import { secretKeySchema } from "./secret-key.worker.ts";
import { signingKeySchema } from "./signing-key.worker.ts";

const schemas = [
  accountSchema,
  deviceSchema,
  signingKeySchema,
  secretKeySchema,
  idSlotSchema,
  generationSchema,
  entrySchema,
  headSchema,
  membershipSchema,
  personalSchema,
];

/** Forward only: a file that has a version keeps it, so what is here never changes and new versions are added below. */
export const migrations: readonly Migration[] = [
  { version: 1, sql: schemas.join("\n") },
  { version: 2, sql: [changeSchema, membershipVersionSchema].join("\n") },
  { version: 3, sql: [epochMarkSchema, epochHeadSchema].join("\n") },
  { version: 4, sql: storeCopySchema },
];
