import { expect, test } from "vitest";
import type { LogFields, Logger } from "../kernel/logger.ts";
import { silentLogger } from "../kernel/logger.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import { LinkOutage } from "./link-outage.ts";

test("a short outage is one quiet line, a long one grows louder, and its end says how long it took", async () => {
  const clock = new FakeClock();
  const lines: string[] = [];
  const write =
    (level: string) =>
    (_message: string, fields?: LogFields): void =>
      void lines.push(`${level} ${String(fields?.["awayMs"])} ${String(fields?.["reason"])}`);
  const logger: Logger = { ...silentLogger, info: write("info"), warn: write("warn"), error: write("error") };
  const outage = new LinkOutage({ clock, logger, nodeId: "n2", awayWarnMs: 5_000, awayErrorMs: 60_000 });
  outage.opened({});
  for (let second = 0; second <= 185; second += 1) {
    outage.failed(`at ${second}`);
    await clock.advance(1_000);
  }
  outage.opened({});
  expect(lines).toEqual([
    "info undefined undefined",
    "info undefined at 0",
    "warn 5000 at 5",
    "error 60000 at 60",
    "error 120000 at 120",
    "error 180000 at 180",
    "info 186000 undefined",
  ]);
});
