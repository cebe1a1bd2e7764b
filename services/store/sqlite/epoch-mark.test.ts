import { describeEpochMarkContract } from "../contract/epoch-mark.contract.ts";
import { createSqliteEpochMarkStore } from "./epoch-mark.ts";
import { openSettingsStore } from "./fixtures/settings-database.ts";

describeEpochMarkContract("SQLite", () => openSettingsStore(createSqliteEpochMarkStore));
