import { describeGenerationContract } from "../contract/generation.contract.ts";
import { openSettingsStore } from "./fixtures/settings-database.ts";
import { createSqliteGenerationStore } from "./generation.ts";

describeGenerationContract("SQLite", () => openSettingsStore(createSqliteGenerationStore));
