import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openAccounts, refusalOf } from "./fixtures/account-fixture.ts";
import { oneCharacterOff } from "./fixtures/one-character-off.ts";
import { formatPageToken, parsePageToken } from "./page-token.ts";
import { newAccountRow } from "./register.ts";
import { searchAccounts } from "./search-accounts.ts";

const handle = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{1,31}$/);
const key = new Uint8Array(32).fill(1);

async function openWithHandles(handles: readonly string[]) {
  const opened = await openAccounts();
  const { deps } = opened;
  for (const name of handles) {
    const fields = { requestId: name, handle: name, displayName: "", passwordHash: "" };
    await deps.accounts.insert(await newAccountRow(deps, fields));
  }
  return opened;
}

const numbered = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `al-${String(index).padStart(3, "0")}`);

describe("page tokens", () => {
  test("what was written for a prefix is read back for it, and for no other prefix or installation", () => {
    fc.assert(
      fc.property(handle, handle, handle, (prefix, other, after) => {
        fc.pre(prefix !== other);
        const token = formatPageToken(prefix, after, key);
        expect(token.length).toBeLessThanOrEqual(512);
        expect(parsePageToken(token, prefix, key)).toBe(after);
        expect(parsePageToken(token, other, key)).toBeUndefined();
        expect(parsePageToken(token, prefix, new Uint8Array(32))).toBeUndefined();
      }),
    );
  });

  test("a token with any character changed, added or missing is refused", () => {
    const token = formatPageToken("al", "alice", key);
    const accepted = oneCharacterOff(token, "Ab0_-=+/ ").filter(
      (bad) => parsePageToken(bad, "al", key) !== undefined,
    );
    expect(accepted).toEqual([]);
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => {
        expect(parsePageToken(text, "al", key)).toBeUndefined();
      }),
    );
  });
});

describe("SearchAccounts", () => {
  test("pages of any size together have each match once, in order, and then end", async () => {
    const handles = numbered(25);
    const { deps } = await openWithHandles([...handles, "ak", "am", "bob"]);
    for (const pageSize of [1, 7, 24, 25, 26]) {
      const found: string[] = [];
      let pageToken = "";
      do {
        const page = await searchAccounts(deps, { handlePrefix: "al", pageSize, pageToken });
        expect(page.accounts.length).toBeLessThanOrEqual(pageSize);
        expect(page.accounts.length).toBeGreaterThan(0);
        found.push(...page.accounts.map((row) => row.handle));
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      expect(found).toEqual(handles);
    }
  });

  test("size 0 means 20, and more than 100 means 100", async () => {
    const { deps } = await openWithHandles(numbered(120));
    const count = async (pageSize: number): Promise<number> =>
      (await searchAccounts(deps, { handlePrefix: "al", pageSize, pageToken: "" })).accounts.length;
    expect([await count(0), await count(100), await count(101), await count(2 ** 32 - 1)]).toEqual([
      20, 100, 100, 100,
    ]);
  });

  test("a token of another search is refused", async () => {
    const { deps } = await openWithHandles(numbered(3));
    const { nextPageToken } = await searchAccounts(deps, { handlePrefix: "al", pageSize: 1, pageToken: "" });
    expect(nextPageToken).not.toBe("");
    for (const [handlePrefix, pageToken] of [
      ["al-", nextPageToken],
      ["al", "nonsense"],
    ] as const) {
      const search = { handlePrefix, pageSize: 1, pageToken };
      expect(await refusalOf(searchAccounts(deps, search))).toBe("PAGE_TOKEN_INVALID");
    }
  });

  test("no match is an empty page without a next one", async () => {
    const { deps } = await openWithHandles(["alice"]);
    const page = await searchAccounts(deps, { handlePrefix: "zz", pageSize: 0, pageToken: "" });
    expect(page).toEqual({ accounts: [], nextPageToken: "" });
  });
});
