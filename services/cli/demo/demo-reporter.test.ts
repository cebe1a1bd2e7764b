import { expect, test } from "vitest";
import { recordingContext } from "../fixtures/test-command.ts";
import type { MessageTrace } from "./demo-journal.ts";
import { type DemoReporter, jsonReporter, textReporter } from "./demo-reporter.ts";
import type { DemoVerdict } from "./demo-verdict.ts";

const places = { owner: { name: "node-3" }, alice: { name: "node-1" }, bob: { name: "node-2" } };

const finding = { check: "no duplicate", examined: 4, violationCount: 0, violations: [] };

const good: DemoVerdict = { findings: [finding], problems: [], outageMs: 412.4, medianMs: 3.14, hit: 12 };

function trace(seq: bigint, sentMs: number, acknowledgedMs: number, tries = 1): MessageTrace {
  const outcome = { kind: "acknowledged", seq, acknowledgedMs, receivedMs: acknowledgedMs + 1 } as const;
  return { handle: "alice", text: `text ${seq}`, sentMs, tries, outcome };
}

/** A short demo: one line of talk, two messages around the kill. */
function tell(reporter: DemoReporter, verdict: DemoVerdict): void {
  reporter.places(places, "d-a-b");
  reporter.message(trace(1n, 900, 903));
  reporter.burst(1_000, 2);
  reporter.killed("node-3", 1_500, 12);
  reporter.message(trace(2n, 1_000, 1_003));
  reporter.message(trace(3n, 1_499, 1_900, 2));
  reporter.readBack(3, "node-1");
  reporter.verdict(verdict);
}

function lines(verdict = good): string[] {
  const { context, printed } = recordingContext();
  tell(textReporter(context), verdict);
  return printed;
}

test("people see each message with its times, the kill before the first message that was acknowledged after it", () => {
  const told = lines();
  const kill = told.findIndex((line) => line.includes("killed with SIGKILL"));
  expect(told.find((line) => line.includes("alice: text 1"))).toMatch(/#1, with the other one after 4\.0 ms/);
  expect(told[kill - 1]).toMatch(/^ {4}#2 +0\.000 s +\+3\.0 ms +\+4\.0 ms$/);
  expect(told[kill]).toContain("0.500 s  node-3 is killed with SIGKILL, 12 messages are under way");
  expect(told[kill + 1]).toContain("came 400 ms after the kill");
  expect(told[kill + 2]).toMatch(/^ {4}#3 +0\.499 s +\+401\.0 ms +\+402\.0 ms {3}sent 2 times$/);
  expect(told.join("\n")).toContain("owned by node-3");
  expect(told.join("\n")).not.toContain("\u001b");
});

test("the last line is the verdict, above it the outage", () => {
  const told = lines();
  expect(told.at(-1)).toBe("Nothing was lost, doubled or reordered.");
  expect(told.join("\n")).toMatch(/longer than 412 ms[^]*at most 3\.1 ms; 12 were under way/);
  const bad = { ...finding, violationCount: 1, violations: ["m1 is at 3 and 4"] };
  const wrong = lines({ ...good, findings: [bad], problems: ["no duplicate: m1 is at 3 and 4"] });
  expect(wrong.slice(-2)).toEqual(["Something is wrong:", "  no duplicate: m1 is at 3 and 4"]);
  expect(wrong).toContainEqual(expect.stringMatching(/^ +WRONG +no duplicate/));
});

test("a check that looked at nothing is not shown as good", () => {
  const told = lines({ ...good, findings: [{ ...finding, examined: 0 }], problems: ["x"] });
  expect(told).toContainEqual(expect.stringMatching(/WRONG +no duplicate +0 looked at/));
});

test("with colours the kill and the gap stand out", () => {
  const { context, printed } = recordingContext();
  tell(textReporter({ ...context, terminal: true }), good);
  expect(printed.find((line) => line.includes("SIGKILL"))?.startsWith("\u001b[31m")).toBe(true);
});

test("scripts get one object a line, the verdict last", () => {
  const { context, printed } = recordingContext();
  tell(jsonReporter(context), good);
  const events = printed.map((line): unknown => JSON.parse(line));
  expect(events[0]).toMatchObject({ event: "attached", owner: "node-3", alice: "node-1", bob: "node-2" });
  expect(events).toContainEqual(
    expect.objectContaining({ event: "message", seq: "3", tries: 2, sentMs: 1_499 }),
  );
  expect(events).toContainEqual({ event: "killed", node: "node-3", killedMs: 1_500, underWay: 12 });
  expect(events.at(-1)).toMatchObject({ event: "verdict", ok: true, outageMs: 412.4 });
});
