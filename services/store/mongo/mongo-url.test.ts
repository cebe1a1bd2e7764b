import { expect, test } from "vitest";
import { databaseNameOf, userOf } from "./mongo-url.ts";

test.each([
  ["mongodb://db1", "parley"],
  ["mongodb://db1:27017/", "parley"],
  ["mongodb://db1,db2/?replicaSet=rs0", "parley"],
  ["mongodb://user:p%2Fw@db1:27017,db2:27017/chat?replicaSet=rs0&authSource=admin", "chat"],
  ["mongodb+srv://cluster.example/two%20words", "two words"],
])("%s is the database %s", (url, name) => {
  expect(databaseNameOf(url)).toBe(name);
});

test.each([
  ["mongodb://db1", undefined],
  ["mongodb://db1/with@sign", undefined],
  ["mongodb://parley@db1,db2/chat", "parley"],
  ["mongodb://a%40b:word@db1", "a@b"],
])("%s is for the user %s", (url, user) => {
  expect(userOf(url)).toBe(user);
});
