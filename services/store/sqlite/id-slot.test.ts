import { describeIdSlotContract } from "../contract/id-slot.contract.ts";
import { openSettingsStore } from "./fixtures/settings-database.ts";
import { createSqliteIdSlotStore } from "./id-slot.ts";

describeIdSlotContract("SQLite", () => openSettingsStore(createSqliteIdSlotStore));
