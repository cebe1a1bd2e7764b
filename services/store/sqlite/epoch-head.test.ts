import { describeEpochHeadContract } from "../contract/epoch-head.contract.ts";
import { createSqliteEpochHeadStore } from "./epoch-head.ts";
import { openSettingsStore } from "./fixtures/settings-database.ts";

describeEpochHeadContract("SQLite", () => openSettingsStore(createSqliteEpochHeadStore));
