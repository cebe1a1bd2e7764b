import { create } from "@bufbuild/protobuf";
import { createValidator } from "@bufbuild/protovalidate";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RegisterRequestSchema } from "../../gen/parley/account/v1/account_service_pb.ts";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { createAccount, newAccountProblem, UnusableAccount } from "./create-account.ts";
import { loginAs, openAccounts, password } from "./fixtures/account-fixture.ts";
import { type ImportFailure, importAccounts } from "./import-accounts.ts";
import { parseImportLine } from "./import-line.ts";
import { importAttemptsMax, importsAtOnceMax } from "./limits.ts";

const line = (fields: object): string => JSON.stringify(fields);

/** Imports and answers the counts and failures. */
async function importAll(deps: Parameters<typeof importAccounts>[0], lines: readonly string[]) {
  const failures: ImportFailure[] = [];
  const counts = await importAccounts(deps, lines, { onFailure: (failure) => failures.push(failure) });
  failures.sort((one, other) => one.lineNumber - other.lineNumber);
  return { counts, failures };
}

describe("createAccount", () => {
  test("the rules are those that the contract has for Register", () => {
    const validator = createValidator();
    const text = fc.string({ unit: "binary", maxLength: 140 });
    const handles = fc.oneof(text, fc.stringMatching(/^[a-zA-Z0-9._-]{0,34}$/), fc.constant("alice"));
    const passwords = fc.oneof(text, fc.string({ unit: fc.constantFrom("a", "😀", "é"), maxLength: 140 }));
    fc.assert(
      fc.property(handles, text, passwords, (handle, displayName, secret) => {
        const request = create(RegisterRequestSchema, {
          requestId: "5e0c4f2e-7f0a-4a52-9b3c-d0a4a7f7c111",
          handle,
          displayName,
          password: { text: secret },
        });
        const valid = validator.validate(RegisterRequestSchema, request).kind === "valid";
        expect(newAccountProblem({ handle, displayName, password: secret }) === undefined).toBe(valid);
      }),
      { numRuns: 500 },
    );
  });

  test("an account is made although registration is closed, and can log in", async () => {
    const { deps } = await openAccounts({ registrationOpen: false });
    const first = await createAccount(deps, { handle: "alice", password });
    expect(first).toMatchObject({ outcome: "created", account: { displayName: "alice" } });
    expect((await loginAs(deps, "alice")).account).toEqual(first.account);
    expect(await createAccount(deps, { handle: "alice", password })).toEqual({ ...first, outcome: "exists" });
  });

  test("a password hash from elsewhere is taken over as it is", async () => {
    const { deps } = await openAccounts();
    const passwordHash = await deps.hasher.hash(password);
    const { account } = await createAccount(deps, { handle: "alice", displayName: "Alice", passwordHash });
    expect(account).toMatchObject({ displayName: "Alice", passwordHash });
    await loginAs(deps, "alice");
    expect((await createAccount(deps, { handle: "alice", displayName: "Alice", passwordHash })).outcome).toBe(
      "exists",
    );
  });

  test("other data under the same handle, and neither or both secrets, are refused", async () => {
    const { deps } = await openAccounts();
    await createAccount(deps, { handle: "alice", password });
    const passwordHash = await deps.hasher.hash(password);
    for (const other of [
      { handle: "alice", password: "another password" },
      { handle: "alice", password, displayName: "Alice" },
      { handle: "alice", passwordHash },
      { handle: "bob" },
      { handle: "bob", password, passwordHash },
      { handle: "bob", passwordHash: "secret" },
    ]) {
      await expect(createAccount(deps, other)).rejects.toThrow(UnusableAccount);
    }
  });

  test("one account asked for many times at once is made once", async () => {
    const { deps } = await openAccounts();
    const made = await Promise.all(
      Array.from({ length: 8 }, () => createAccount(deps, { handle: "alice", password })),
    );
    expect(made.filter((one) => one.outcome === "created")).toHaveLength(1);
    expect(new Set(made.map((one) => one.account.accountId)).size).toBe(1);
  });
});

describe("parseImportLine", () => {
  test("a line names handle, display name and one secret", () => {
    expect(parseImportLine(line({ handle: "a1", display_name: "A", password_hash: "x" }))).toEqual({
      handle: "a1",
      displayName: "A",
      passwordHash: "x",
    });
  });

  test("what is no object of known strings is refused without repeating a secret", () => {
    const bad = [
      '{"handle":"al","password":"hunter2hunter2"',
      '["hunter2hunter2"]',
      "null",
      line({ handle: "al", passwort: "hunter2hunter2" }),
      line({ handle: "al", password: ["hunter2hunter2"] }),
      line({ handle: 7 }),
      '{"__proto__":"x"}',
      line({ handle: "al", password: "hunter2".repeat(2_000) }),
    ];
    for (const text of bad) {
      expect(() => parseImportLine(text)).toThrow(UnusableAccount);
      expect(() => parseImportLine(text)).not.toThrow("hunter2");
    }
  });
});

describe("importAccounts", () => {
  const people = Array.from({ length: 50 }, (_, index) => line({ handle: `user-${index}`, password }));

  test("all lines become accounts, and none twice when the file is imported again", async () => {
    const { deps } = await openAccounts();
    expect(await importAll(deps, people)).toEqual({
      counts: { created: 50, skipped: 0, failed: 0 },
      failures: [],
    });
    await loginAs(deps, "user-49");
    expect((await importAll(deps, people)).counts).toEqual({ created: 0, skipped: 50, failed: 0 });
  });

  test("bad lines are reported by number and the rest goes on; blank lines count as lines only", async () => {
    const { deps } = await openAccounts();
    const lines = [people[0] ?? "", "", "nonsense", "  ", line({ handle: "x", password }), people[1] ?? ""];
    lines.push(line({ handle: "user-0", password: "another password" }));
    const { counts, failures } = await importAll(deps, lines);
    expect(counts).toEqual({ created: 2, skipped: 0, failed: 3 });
    expect(failures.map((failure) => failure.lineNumber)).toEqual([3, 5, 7]);
    expect(JSON.stringify(failures)).not.toContain(password);
  });

  test("lines come from a stream, a bounded number at once, and progress is told after each", async () => {
    const { deps } = await openAccounts();
    let running = 0;
    let runningMax = 0;
    const accounts = {
      ...deps.accounts,
      readByHandle: async (handle: string) => {
        running += 1;
        runningMax = Math.max(runningMax, running);
        const row = await deps.accounts.readByHandle(handle);
        running -= 1;
        return row;
      },
    };
    async function* stream() {
      yield* people;
    }
    const done: number[] = [];
    await importAccounts({ ...deps, accounts }, stream(), {
      onProgress: ({ created }) => done.push(created),
    });
    expect(done).toEqual(people.map((_, index) => index + 1));
    expect(runningMax).toBeLessThanOrEqual(importsAtOnceMax);
  });

  test("a store that is away is waited for, and a line is given up after many attempts", async () => {
    const { deps, clock } = await openAccounts();
    // A ready hash, since hashing would take real time and the clock is a fake one.
    const ready = line({ handle: "alice", password_hash: await deps.hasher.hash(password) });
    const state = { failures: 3 };
    const accounts = {
      ...deps.accounts,
      readByHandle: async (handle: string) => {
        state.failures -= 1;
        if (state.failures < 0) return deps.accounts.readByHandle(handle);
        throw new Fault(ErrorReason.STORE_UNAVAILABLE, "the store is away", { retryDelayMs: 1_000 });
      },
    };
    const importOne = async () => {
      const result = { done: false, counts: {} };
      void importAccounts({ ...deps, accounts }, [ready]).then((counts) => {
        Object.assign(result, { done: true, counts });
      });
      await clock.advanceUntil("the import ends", () => result.done, 60_000);
      return result.counts;
    };
    expect(await importOne()).toEqual({ created: 1, skipped: 0, failed: 0 });
    state.failures = importAttemptsMax;
    expect(await importOne()).toEqual({ created: 0, skipped: 0, failed: 1 });
  });

  test("an aborted import stops and closes its source", async () => {
    const { deps } = await openAccounts();
    const stopping = new AbortController();
    let closed = false;
    async function* endless() {
      try {
        for (let index = 0; ; index += 1) yield line({ handle: `user-${index}`, password });
      } finally {
        closed = true;
      }
    }
    const onProgress = ({ created }: { readonly created: number }): void => {
      if (created === 20) stopping.abort(new Error("stopped"));
    };
    const importing = importAccounts(deps, endless(), { onProgress, signal: stopping.signal });
    await expect(importing).rejects.toThrow("stopped");
    expect(closed).toBe(true);
  });
});
