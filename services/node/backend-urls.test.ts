import { expect, test } from "vitest";
import { type BackendSettings, backendProblem, coordinatorTarget, storeTarget } from "./backend-urls.ts";

function settings(store: string, coordinator?: string): BackendSettings {
  return { "store.url": store, "coordinator.url": coordinator };
}

test("a store is a directory or the URL of a MongoDB", () => {
  expect(storeTarget(settings("sqlite:/var/lib/parley"))).toEqual({
    kind: "sqlite",
    directory: "/var/lib/parley",
  });
  const url = "mongodb+srv://parley@cluster.example/chat";
  expect(storeTarget(settings(url))).toEqual({ kind: "mongodb", url });
});

test("nodes find one another in the directory of their store unless another is named", () => {
  const inFile = (file: string) => ({ kind: "sqlite", file });
  expect(coordinatorTarget(settings("sqlite:data"))).toEqual(inFile("data/cluster.db"));
  expect(coordinatorTarget(settings("mongodb://db1", "sqlite:shared"))).toEqual(inFile("shared/cluster.db"));
  expect(coordinatorTarget(settings("mongodb://db1", "etcd://e1,e2:2380/chat"))).toMatchObject({
    kind: "etcd",
    etcd: { endpoints: ["e1:2379", "e2:2380"], prefix: "/chat" },
  });
});

test.each([
  settings("sqlite:data"),
  settings("sqlite:data@home:1@2"),
  settings("mongodb://parley@db1:27017,db2:27017/chat?replicaSet=rs0", "sqlite:shared"),
])("$store.url is fine", (given) => {
  expect(backendProblem(given)).toBeUndefined();
});

test.each([
  { given: settings("mongodb://parley:hunter2@db1", "sqlite:x"), says: "PARLEY_STORE_PASSWORD" },
  { given: settings("mongodb://db1/?tlsCertificateKeyFilePassword=hunter2", "sqlite:x"), says: "a secret" },
  {
    given: settings("mongodb://db1/?authMechanismProperties=AWS_SESSION_TOKEN:hunter2", "sqlite:x"),
    says: "a secret",
  },
  { given: settings("mongodb://db1/chat"), says: "coordinator.url must be set" },
  { given: settings("mongodb://db1", "etcd://u:hunter2@e1"), says: "PARLEY_COORDINATOR_PASSWORD" },
  { given: settings("sqlite:data", "etcd://e1:99999"), says: "port 99999" },
  { given: settings("sqlite:data", "etcd://parley@e1"), says: "names the user parley: set" },
])("$says: what is wrong is said without the secret", ({ given, says }) => {
  expect(backendProblem(given)).toContain(says);
  expect(backendProblem(given)).not.toContain("hunter2");
});
