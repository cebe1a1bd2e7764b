import { accountIndexes } from "./account.ts";
import type { CollectionIndexes } from "./collection-indexes.ts";
import { deviceIndexes } from "./device.ts";
import { entryIndexes } from "./entry.ts";
import { epochHeadIndexes } from "./epoch-head.ts";
import { epochMarkIndexes } from "./epoch-mark.ts";
import { generationIndexes } from "./generation.ts";
import { headIndexes } from "./head.ts";
import { idSlotIndexes } from "./id-slot.ts";
import { groupIndexes, membershipIndexes } from "./membership.ts";
import { personalIndexes } from "./personal.ts";
import { secretKeyIndexes } from "./secret-key.ts";
import { signingKeyIndexes } from "./signing-key.ts";

/** What a version of the schema adds to the one before. It may run more than once, and beside another process. */
export interface MongoMigration {
  readonly version: number;
  readonly collections: readonly CollectionIndexes[];
}

/** Forward only: databases have these versions, so what is here never changes and new versions are added below. */
export const migrations: readonly MongoMigration[] = [
  {
    version: 1,
    collections: [
      accountIndexes,
      deviceIndexes,
      signingKeyIndexes,
      secretKeyIndexes,
      idSlotIndexes,
      generationIndexes,
      epochMarkIndexes,
      epochHeadIndexes,
      entryIndexes,
      headIndexes,
      membershipIndexes,
      groupIndexes,
      personalIndexes,
    ],
  },
];
