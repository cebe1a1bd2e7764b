import { describeHeadContract } from "../contract/head.contract.ts";
import { openMessageStore } from "./fixtures/message-database.ts";
import { createSqliteHeadStore } from "./head.ts";

describeHeadContract("SQLite", () => openMessageStore(createSqliteHeadStore));
