import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { credentialsPath, openCredentials, type Profile } from "./credentials.ts";
import { openHeldPositions } from "./held-positions.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "parley-credentials-"));
});

afterEach(() => rmSync(directory, { recursive: true }));

function profile(handle: string, server = "http://one.example"): Profile {
  const ids = { accountId: `account-${handle}`, deviceId: `device-${handle}` };
  return { server, handle, ...ids, accessToken: "a", accessExpireMs: 1, refreshToken: "r" };
}

describe("credentials", () => {
  test("are empty before the first login, and the file need not exist", async () => {
    expect(await openCredentials(join(directory, "none.json")).find(undefined, undefined)).toBeUndefined();
  });

  test("are found by handle, by server and by being the last login", async () => {
    const credentials = openCredentials(join(directory, "logins", "credentials.json"));
    const [alice, bob, abroad] = [profile("alice"), profile("bob"), profile("alice", "http://two.example")];
    for (const one of [alice, bob, abroad]) await credentials.save(one, true);
    expect(await credentials.find(undefined, undefined)).toEqual(abroad);
    expect(await credentials.find("bob", undefined)).toEqual(bob);
    expect(await credentials.find("alice", alice.server)).toEqual(alice);
    await credentials.save(bob, true);
    expect(await credentials.find("alice", undefined)).toEqual(abroad);
    await credentials.save(alice, true);
    await credentials.save(bob, true);
    await credentials.save(abroad, false);
    expect(await credentials.find("alice", undefined)).toEqual(alice);
    expect(await credentials.find("carol", undefined)).toBeUndefined();
    expect(await credentials.find(undefined, "http://three.example")).toBeUndefined();
  });

  test("a refreshed token replaces the old one and does not change who is current", async () => {
    const credentials = openCredentials(join(directory, "credentials.json"));
    await credentials.save(profile("alice"), false);
    await credentials.save(profile("bob"), true);
    await credentials.save({ ...profile("alice"), accessToken: "newer" }, false);
    expect((await credentials.find("alice", undefined))?.accessToken).toBe("newer");
    expect((await credentials.find(undefined, undefined))?.handle).toBe("bob");
  });

  test("are readable by their owner only, also where the file was readable by others", async () => {
    const path = join(directory, "logins", "credentials.json");
    await openCredentials(path).save(profile("alice"), true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, "logins")).mode & 0o777).toBe(0o700);
    const loose = join(directory, "loose.json");
    writeFileSync(loose, '{"profiles":{}}', { mode: 0o644 });
    await openCredentials(loose).save(profile("alice"), true);
    expect(statSync(loose).mode & 0o777).toBe(0o600);
  });

  test("lie where PARLEY_CREDENTIALS says, else under the home directory", () => {
    expect(credentialsPath({ PARLEY_CREDENTIALS: "/somewhere/c.json" })).toBe("/somewhere/c.json");
    expect(credentialsPath({})).toMatch(/\.config\/parley\/credentials\.json$/);
  });
});

describe("held positions", () => {
  test("come back as they were saved, 64 bits and all", async () => {
    const path = join(directory, "positions.json");
    const held = await openHeldPositions(path);
    expect([held.resumeTicket, held.get("d-1-2")]).toEqual(["", undefined]);
    held.resumeTicket = "ticket";
    held.ordinal = 7n;
    held.set("d-1-2", { epoch: 1n, seq: 2n ** 63n });
    await held.save();
    const again = await openHeldPositions(path);
    expect([again.resumeTicket, again.ordinal]).toEqual(["ticket", 7n]);
    expect([...again.positions]).toEqual([["d-1-2", { epoch: 1n, seq: 2n ** 63n }]]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("of a version that did not number its streams are read all the same", async () => {
    const path = join(directory, "older.json");
    writeFileSync(path, '{"resumeTicket":"ticket","positions":{}}');
    expect((await openHeldPositions(path)).ordinal).toBe(0n);
  });
});
