import { describeSecretKeyContract } from "../contract/secret-key.contract.ts";
import { openSettingsStore } from "./fixtures/settings-database.ts";
import { createSqliteSecretKeyStore } from "./secret-key.ts";

describeSecretKeyContract("SQLite", () => openSettingsStore(createSqliteSecretKeyStore));
