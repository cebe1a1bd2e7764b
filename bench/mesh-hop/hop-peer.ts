import { create, toBinary } from "@bufbuild/protobuf";
import { type Signal, SignalSchema } from "../../gen/parley/session/v1/session_pb.ts";
import { ProbePacer } from "./probe-pacer.ts";

/** What either end of a peer can be asked for: two processes of one script, one of which listens. */
export interface HopPeerTasks {
  /** Listens on a free port of the loopback; answers where. */
  listen(argument: undefined): Promise<string>;
  /** Connects to the other process. */
  connect(argument: { address: string }): Promise<void>;
  /** One event after the other, at least so far apart. */
  probe(argument: { count: number; intervalMs: number }): Promise<HopProbes>;
  /** When events arrived since this was last asked; see `monotonicUs`. */
  arrivals(argument: undefined): number[];
  /** As many events as can be for so long. Answers how many. */
  load(argument: { seconds: number }): Promise<number>;
}

/** What the sending process saw of each event. */
export interface HopProbes {
  /** When it was sent; see `monotonicUs`. */
  readonly sentUs: readonly number[];
  /** From then until its answer was there. */
  readonly roundTripUs: readonly number[];
}

/** The event that is sent: as large as Parley's signal that somebody types. */
export const sampleSignal: Signal = create(SignalSchema, {
  kind: {
    case: "typing",
    value: {
      conversationId: "d-00000000000000-00000000000001",
      accountId: "00000000000000",
      active: true,
    },
  },
});

export const sampleBytes = Buffer.from(toBinary(SignalSchema, sampleSignal));

/** Microseconds of the machine's monotonic clock, which is the same in all processes. */
export function monotonicUs(): number {
  return Number(process.hrtime.bigint()) / 1_000;
}

/** Sends events one by one; `send` resolves when the answer is there. */
export async function probeWith(
  { count, intervalMs }: Parameters<HopPeerTasks["probe"]>[0],
  send: () => Promise<void>,
): Promise<HopProbes> {
  const pacer = new ProbePacer(intervalMs);
  const sentUs: number[] = [];
  const roundTripUs: number[] = [];
  for (let index = 0; index < count; index += 1) {
    await pacer.next();
    const startUs = monotonicUs();
    await send();
    roundTripUs.push(monotonicUs() - startUs);
    sentUs.push(startUs);
  }
  return { sentUs, roundTripUs };
}
