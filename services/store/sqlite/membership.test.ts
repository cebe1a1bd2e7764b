import { describeMembershipContract } from "../contract/membership.contract.ts";
import { openMessageStore } from "./fixtures/message-database.ts";
import { createSqliteMembershipStore } from "./membership.ts";

describeMembershipContract("SQLite", () => openMessageStore(createSqliteMembershipStore));
