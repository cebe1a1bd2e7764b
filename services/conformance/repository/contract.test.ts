import { beforeAll, describe, expect, test } from "vitest";
import { contractBounds, tightenedBounds } from "./contract-bounds.ts";
import { baselineContract, currentContract, ownServices } from "./contract-image.ts";
import { policyProblems, reasonsWithoutCode } from "./contract-rules.ts";
import { plantContract } from "./planted-contract.ts";

const contract = currentContract();
const baseline = baselineContract();

describe("the contract", () => {
  test("every method says who may call it and what it counts against", () => {
    // What nodes offer one another is guarded by the listener that serves it.
    const forCallers = ownServices(contract).filter(({ typeName }) => !typeName.startsWith("parley.mesh."));
    const methods = forCallers.flatMap((service) => service.methods);
    expect(methods.length).toBeGreaterThan(20);
    expect(methods.flatMap(policyProblems)).toEqual([]);
  });

  test("every reason for an error carries its status code", () => {
    const reasons = contract.getEnum("parley.error.v1.ErrorReason");
    expect(reasons === undefined ? ["there is no ErrorReason"] : reasonsWithoutCode(reasons)).toEqual([]);
  });

  test.skipIf(baseline === undefined)("no bound is tighter than in proto/baseline.binpb", () => {
    if (baseline === undefined) return;
    expect(tightenedBounds(contractBounds(baseline), contractBounds(contract))).toEqual([]);
  });

  test("its bounds are seen at all, or the comparison above would prove nothing", () => {
    const bounds = contractBounds(contract);
    expect([...bounds.values()].filter(({ rules }) => rules.size > 0).length).toBeGreaterThan(20);
    expect(tightenedBounds(bounds, bounds)).toEqual([]);
  });
});

describe("policyProblems", () => {
  test("a method without policy is named, and one that its service or itself completes is not", () => {
    const planted = plantContract(`
      message A {}
      service Bare { rpc One(A) returns (A); }
      service Half {
        option (parley.policy.v1.service) = { auth: AUTH_LEVEL_ACCOUNT };
        rpc Two(A) returns (A);
        rpc Three(A) returns (A) { option (parley.policy.v1.method) = { rate: RATE_CLASS_READ }; }
      }
    `);
    const methods = ownServices(planted)
      .filter(({ typeName }) => typeName.startsWith("parley.planted."))
      .flatMap(({ methods: all }) => all);
    expect(methods.flatMap(policyProblems)).toEqual([
      "parley.planted.v1.Bare/One says nowhere who may call it",
      "parley.planted.v1.Bare/One says nowhere what it counts against",
      "parley.planted.v1.Half/Two says nowhere what it counts against",
    ]);
  });
});

describe("reasonsWithoutCode", () => {
  test("a reason without a code, or with the unspecified one, is named", () => {
    const planted = plantContract(`
      enum Reason {
        NONE = 0;
        GOOD = 1 [(parley.error.v1.code) = STATUS_CODE_NOT_FOUND];
        BARE = 2;
        EMPTY = 3 [(parley.error.v1.code) = STATUS_CODE_UNSPECIFIED];
      }
    `);
    const reasons = planted.getEnum("parley.planted.v1.Reason");
    expect(reasons === undefined ? [] : reasonsWithoutCode(reasons)).toEqual(["BARE", "EMPTY"]);
  });
});

/** Fields of one message before and after, and the complaints about each; none where a line has no third part. */
const changes: readonly (readonly [string, string, string?])[] = [
  [
    "string a01 = 1 [(buf.validate.field).string.max_len = 64]",
    "string a01 = 1 [(buf.validate.field).string.max_len = 63]",
    'a01: string.maxLen went from "64" to "63"',
  ],
  [
    "string a02 = 2 [(buf.validate.field).string.max_len = 64]",
    "string a02 = 2 [(buf.validate.field).string.max_len = 65]",
  ],
  [
    "string a03 = 3 [(buf.validate.field).string.max_len = 9]",
    "string a03 = 3 [(buf.validate.field).string.max_len = 10]",
  ],
  [
    "string a04 = 4",
    "string a04 = 4 [(buf.validate.field).string.max_bytes = 5]",
    'a04: string.maxBytes = "5" is new',
  ],
  [
    "string a05 = 5 [(buf.validate.field).string.min_len = 1]",
    "string a05 = 5 [(buf.validate.field).string.min_len = 2]",
    'a05: string.minLen went from "1" to "2"',
  ],
  ["string a06 = 6 [(buf.validate.field).string.min_len = 1]", "string a06 = 6"],
  [
    "uint32 a07 = 7 [(buf.validate.field).uint32.lte = 10]",
    "uint32 a07 = 7 [(buf.validate.field).uint32.lte = 9]",
    "a07: uint32.lte went from 10 to 9",
  ],
  [
    "int64 a08 = 8 [(buf.validate.field).int64.gte = -9007199254740993]",
    "int64 a08 = 8 [(buf.validate.field).int64.gte = -9007199254740992]",
    'a08: int64.gte went from "-9007199254740993" to "-9007199254740992"',
  ],
  [
    "repeated string a09 = 9 [(buf.validate.field).repeated.max_items = 9]",
    "repeated string a09 = 9 [(buf.validate.field).repeated.max_items = 8]",
    'a09: repeated.maxItems went from "9" to "8"',
  ],
  [
    "repeated string a10 = 10",
    "repeated string a10 = 10 [(buf.validate.field).repeated.items.string.max_len = 8]",
    'a10: repeated.items.string.maxLen = "8" is new',
  ],
  ["A a11 = 11", "A a11 = 11 [(buf.validate.field).required = true]", "a11: required = true is new"],
  ["A a12 = 12 [(buf.validate.field).required = true]", "A a12 = 12"],
  [
    'string a13 = 13 [(buf.validate.field).string.pattern = "^a*$"]',
    'string a13 = 13 [(buf.validate.field).string.pattern = "^a+$"]',
    'a13: string.pattern went from "^a*$" to "^a+$"',
  ],
  [
    "string a14 = 14",
    "string a14 = 14 [(buf.validate.field).string.uuid = true]",
    "a14: string.uuid = true is new",
  ],
  [
    'string a15 = 15 [(buf.validate.field).string = {in: ["a", "b"]}]',
    'string a15 = 15 [(buf.validate.field).string = {in: ["a"]}]',
    'a15: string.in went from ["a","b"] to ["a"]',
  ],
  [
    'string a16 = 16 [(buf.validate.field).string = {in: ["a"]}]',
    'string a16 = 16 [(buf.validate.field).string = {in: ["a", "b"]}]',
  ],
  [
    'string a17 = 17 [(buf.validate.field).string = {not_in: ["a"]}]',
    'string a17 = 17 [(buf.validate.field).string = {not_in: ["a", "b"]}]',
    'a17: string.notIn went from ["a"] to ["a","b"]',
  ],
  [
    "google.protobuf.Duration a18 = 18 [(buf.validate.field).duration.lte = {seconds: 10}]",
    "google.protobuf.Duration a18 = 18 [(buf.validate.field).duration.lte = {seconds: 9}]",
    'a18: duration.lte went from "10s" to "9s"',
  ],
  [
    "string a19 = 19 [(buf.validate.field) = {ignore: IGNORE_IF_ZERO_VALUE, string: {min_len: 3}}]",
    "string a19 = 19 [(buf.validate.field) = {string: {min_len: 3}}]",
    "a19: ignore was removed",
  ],
  [
    "string a20 = 20",
    'string a20 = 20 [(buf.validate.field).cel = {id: "x", expression: "this != \'\'"}]',
    'a20: cel = [{"id":"x","expression":"this != \'\'"}] is new',
  ],
  ["", "string b01 = 101 [(buf.validate.field).string.max_len = 5]"],
  [
    "",
    "string b02 = 102 [(buf.validate.field).string.uuid = true]",
    "b02: string.uuid stands on a new field of an old message: clients that do not know it are refused",
  ],
  ["", "optional string b03 = 103 [(buf.validate.field).string.uuid = true]"],
  [
    "",
    "A b04 = 104 [(buf.validate.field).required = true]",
    "b04: required stands on a new field of an old message: clients that do not know it are refused",
  ],
  ["", "repeated string b05 = 105 [(buf.validate.field).repeated.items.string.min_len = 5]"],
];

describe("tightenedBounds", () => {
  const body = (column: 0 | 1, rest: string): string =>
    `message A {} message Subject { ${changes.map((change) => (change[column] === "" ? "" : `${change[column]};`)).join("\n")} } ${rest}`;
  let problems: string[] = [];

  beforeAll(() => {
    const before = contractBounds(plantContract(body(0, "message Old { oneof o { string x = 1; } }")));
    const added = "message New { string n = 1 [(buf.validate.field).string.min_len = 1]; }";
    const old = "message Old { oneof o { option (buf.validate.oneof).required = true; string x = 1; } }";
    problems = tightenedBounds(before, contractBounds(plantContract(body(1, added + old))));
  });

  const cases = changes.map(([before, now, problem]) => ({ before, now, problem }));

  test.each(cases)("from { $before } to { $now }", ({ before, now, problem }) => {
    const name = /\b[ab]\d\d\b/.exec(before + now)?.[0] ?? "";
    const own = problems.filter((line) => line.startsWith(`parley.planted.v1.Subject.${name}:`));
    expect(own).toEqual(problem === undefined ? [] : [`parley.planted.v1.Subject.${problem}`]);
  });

  test("a oneof that became required is named, and a new message may have any bound", () => {
    const others = problems.filter((line) => !line.startsWith("parley.planted.v1.Subject."));
    expect(others).toEqual(["parley.planted.v1.Old.o: required = true is new"]);
  });
});
