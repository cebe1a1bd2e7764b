import { describePersonalContract } from "../contract/personal.contract.ts";
import { openSettingsStore } from "./fixtures/settings-database.ts";
import { createSqlitePersonalStore } from "./personal.ts";

describePersonalContract("SQLite", () => openSettingsStore(createSqlitePersonalStore));
