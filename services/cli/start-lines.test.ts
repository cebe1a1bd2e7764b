import { expect, test } from "vitest";
import { startLines } from "./start-lines.ts";

test("a node says at start what it serves, where and on what, and which settings were made", () => {
  const ready = {
    version: "1.2.3",
    public: "http://127.0.0.1:7080",
    tls: null,
    mesh: "127.0.0.1:7081",
    admin: "http://127.0.0.1:7082",
    store: "MongoDB 8.0.4 at mongodb://db1/chat",
    coordinator: "SQLite 3.53.0 in shared/cluster.db",
    serves: ["parley.account.v1.AccountService", "parley.session.v1.SessionService"],
    startMs: 432,
  };
  const settings = [
    { key: "store.url", value: '"mongodb://db1/chat"', source: "flag" },
    { key: "store.password", value: "***", source: "secret file" },
    { key: "node.id", value: "", source: "unset" },
    { key: "mesh.port", value: "7081", source: "default" },
  ] as const;
  expect(startLines(ready, settings)).toEqual([
    "Parley 1.2.3 is ready after 0.4 s.",
    "  clients      http://127.0.0.1:7080",
    "  mesh         127.0.0.1:7081",
    "  admin        http://127.0.0.1:7082  /metrics /healthz /readyz",
    "  store        MongoDB 8.0.4 at mongodb://db1/chat",
    "  coordinator  SQLite 3.53.0 in shared/cluster.db",
    "  serves       parley.account.v1.AccountService parley.session.v1.SessionService",
    '  store.url = "mongodb://db1/chat"  (flag)',
    "  store.password = ***  (secret file)",
    "  2 other settings have their defaults: `parley config check` prints all",
  ]);
});
