import { expect, test } from "vitest";
import { type LogFields, type Logger, silentLogger } from "../kernel/logger.ts";
import { prometheusMetrics } from "../kernel/prometheus-metrics.ts";
import { RefusedPeer } from "../rpc/mutual-tls.ts";
import { FakeClock } from "../testkit/fake-clock.ts";
import { RefusedPeers, refusedQuietMs } from "./refused-peers.ts";

test("one who is refused again and again has a line a minute for each reason, and is counted each time", async () => {
  const lines: string[] = [];
  const write =
    (level: string) =>
    (_message: string, { address, reason }: LogFields = {}) =>
      void lines.push(`${level} ${String(address)} ${String(reason)}`);
  const logger: Logger = { ...silentLogger, info: write("info"), warn: write("warn") };
  const [clock, metrics] = [new FakeClock(), prometheusMetrics()];
  const peers = new RefusedPeers({ clock, logger, metrics });
  const note = (reason: string, address: string): void =>
    peers.note({ refusal: new RefusedPeer(reason, reason), side: "accepted", address });
  for (let time = 0; time < 5; time += 1) note("expired", "10.0.0.1");
  note("untrusted", "10.0.0.1");
  note("expired", "10.0.0.2");
  note("handshake", "10.0.0.2");
  expect(lines).toEqual([
    "warn 10.0.0.1 expired",
    "warn 10.0.0.1 untrusted",
    "warn 10.0.0.2 expired",
    "info 10.0.0.2 handshake",
  ]);
  await clock.advance(refusedQuietMs);
  note("expired", "10.0.0.1");
  expect(lines).toHaveLength(5);
  expect(await metrics.render()).toContain(
    'parley_mesh_peers_refused_total{side="accepted",reason="expired"} 7',
  );
});
