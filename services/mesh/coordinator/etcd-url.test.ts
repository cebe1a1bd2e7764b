import { describe, expect, test } from "vitest";
import { parseEtcdUrl } from "./etcd-url.ts";

describe("parseEtcdUrl", () => {
  const bare = { tls: undefined, user: undefined, password: undefined };
  const noFiles = { caFile: undefined, certificateFile: undefined, keyFile: undefined };
  const local = { endpoints: ["127.0.0.1:2379"], prefix: "/parley" };

  test.each([
    ["etcd://127.0.0.1:2379", { ...bare, ...local }],
    ["etcd://127.0.0.1", { ...bare, ...local }],
    ["etcd://127.0.0.1/", { ...bare, ...local }],
    [
      "etcd://h-1.example:1,h2,[::1]:3/chat/eu.1/",
      { ...bare, endpoints: ["h-1.example:1", "h2:2379", "[::1]:3"], prefix: "/chat/eu.1" },
    ],
    ["etcd://node@127.0.0.1", { ...bare, ...local, user: "node" }],
    ["etcd://a%40b:p%3Aw:%25@127.0.0.1/parley", { ...bare, ...local, user: "a@b", password: "p:w:%" }],
    ["etcds://127.0.0.1", { ...bare, ...local, tls: noFiles }],
    [
      "etcds://127.0.0.1/parley?cacert=/etc/ca.pem",
      { ...bare, ...local, tls: { ...noFiles, caFile: "/etc/ca.pem" } },
    ],
    [
      "etcds://127.0.0.1?cacert=ca.pem&cert=a%20b.pem&key=k.pem",
      { ...bare, ...local, tls: { caFile: "ca.pem", certificateFile: "a b.pem", keyFile: "k.pem" } },
    ],
  ])("reads %s", (url, expected) => {
    expect(parseEtcdUrl(url)).toEqual(expected);
  });

  test.each([
    ["http://127.0.0.1:2379", "has the form etcd://[user@]host[:port]"],
    ["etcd:127.0.0.1", "has the form"],
    ["etcd://127.0.0.1#x", "has the form"],
    ["etcd://", '"" in the URL of etcd is no host'],
    ["etcd://a,,b", '"" in the URL of etcd is no host'],
    ["etcd://a b", '"a b" in the URL of etcd is no host'],
    ["etcd://a:0", "port 0 in the URL of etcd is not from 1 to 65535"],
    ["etcd://a:65536", "port 65536"],
    [`etcd://${Array.from({ length: 17 }, () => "h").join(",")}`, "names 17 servers, at most 16"],
    ["etcd://a//b", "the prefix"],
    ["etcd://a/b*", 'the prefix "/b*"'],
    [`etcd://a/${"b".repeat(256)}`, "has 257 characters, at most 256"],
    ["etcd://@a", "an @ without a user"],
    ["etcd://u%zz:secret@a", "a % that begins no %XX"],
    ["etcd://a?cacert=x", "write etcds:// to use it"],
    ["etcds://a?ca=x", "an unknown parameter ca: there are cacert, cert, key"],
    ["etcds://a?cacert=x&cert=y", "needs cert and key together"],
    ["etcds://a?cert=x&key=y", "needs cacert beside cert and key"],
  ])("refuses %s", (url, problem) => {
    expect(() => parseEtcdUrl(url)).toThrow(problem);
    expect(() => parseEtcdUrl(url)).not.toThrow("secret");
  });
});
