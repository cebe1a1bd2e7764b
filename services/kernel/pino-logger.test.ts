import { describe, expect, test } from "vitest";
import { FakeClock } from "../testkit/fake-clock.ts";
import { formatLogLine } from "./log-line.ts";
import type { Logger } from "./logger.ts";
import { type LoggerOptions, pinoLogger } from "./pino-logger.ts";

function collect(options: Partial<LoggerOptions> = {}): { readonly log: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const clock = new FakeClock({ wallMs: Date.UTC(2026, 4, 6, 7, 8, 9, 10) });
  const write = (line: string): void => void lines.push(line);
  return { log: pinoLogger({ clock, level: "info", format: "json", write, ...options }), lines };
}

describe("pinoLogger", () => {
  test("a line is one JSON object with time from the clock, level, message and fields", () => {
    const { log, lines } = collect();
    log.child({ node: "n1" }).info("listening", { port: 7080, seq: 2n ** 60n, ok: true });
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? "")).toEqual({
      level: "info",
      time: "2026-05-06T07:08:09.010Z",
      node: "n1",
      port: 7080,
      seq: "1152921504606846976",
      ok: true,
      message: "listening",
    });
  });

  test("lines below the level are not written", () => {
    const { log, lines } = collect({ level: "warn" });
    log.debug("a");
    log.info("b");
    log.warn("c");
    log.error("d");
    expect(lines.map((line) => JSON.parse(line).message)).toEqual(["c", "d"]);
  });

  test("fields with the name of a secret are stars, in children as well", () => {
    const { log, lines } = collect();
    log
      .child({ accessToken: "hush" })
      .info("login", { new_password: "hush", Authorization: "hush", account: "a1" });
    expect(lines.join("")).not.toContain("hush");
    expect(lines.join("")).toContain('"account":"a1"');
  });

  test("a bearer token or a JWT in any text is replaced", () => {
    const { log, lines } = collect();
    const jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl";
    log.error(`refused ${jwt}`, { header: "Bearer abc.def", cause: new Error(`bad ${jwt}`) });
    expect(lines.join("")).not.toMatch(/abc\.def|eyJ/);
    expect(lines.join("")).toContain("refused ***");
  });

  test("an error is written with type, message and stack", () => {
    const { log, lines } = collect();
    log.error("failed", { cause: new TypeError("planted") });
    expect(JSON.parse(lines[0] ?? "").cause).toMatchObject({ type: "TypeError", message: "planted" });
    expect(lines[0]).toContain("pino-logger.test.ts");
  });

  test("in text format a line is for people, with stacks below it", () => {
    const { log, lines } = collect({ format: "text" });
    log.warn("slow disk", { path: "/data/log", note: "two words", cause: new Error("planted") });
    const [head, first, second] = (lines[0] ?? "").split("\n");
    expect(head).toBe('07:08:09.010 WARN  slow disk path=/data/log note="two words"');
    expect(first).toBe("  cause: Error: planted");
    expect(second).toMatch(/^ +at /);
  });
});

describe("formatLogLine", () => {
  test("what is no JSON object passes unchanged", () => {
    for (const line of ["plain\n", "[1]\n", "3\n"]) expect(formatLogLine(line)).toBe(line);
  });

  test("control characters do not reach the terminal", () => {
    expect(formatLogLine(JSON.stringify({ message: "\u001b[1m", handle: "\u001b[2J" }))).not.toContain(
      "\u001b",
    );
  });
});
