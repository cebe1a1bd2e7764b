import { z } from "zod";
import { nodesMax } from "./node-ports.ts";

/** Signals that `parley dev kill` sends. */
export const killSignals = ["SIGKILL", "SIGTERM", "SIGINT", "SIGSTOP", "SIGCONT"] as const;

export type KillSignal = (typeof killSignals)[number];

/** The longest line that either side takes, in characters. */
export const controlLineMax = 16_384;

const nodeNumber = z.int().min(1).max(nodesMax);

/** What is asked of a running `parley dev --nodes`: one line of JSON on its socket. */
export const controlRequestSchema = z.discriminatedUnion("command", [
  z.object({ command: z.literal("kill"), node: nodeNumber, signal: z.enum(killSignals) }),
  z.object({ command: z.literal("start"), node: nodeNumber }),
  z.object({ command: z.literal("add") }),
  z.object({ command: z.literal("list") }),
]);

export type ControlRequest = z.infer<typeof controlRequestSchema>;

const nodeViewSchema = z.object({
  node: z.string(),
  /** `starting`, `up`, or how it ended. */
  state: z.string(),
  /** Of the process that runs, or null. */
  pid: z.number().nullable(),
  /** Base URL for clients; null until it was ready once. */
  public: z.string().nullable(),
  mesh: z.string().nullable(),
  admin: z.string().nullable(),
});

/** A node as `parley dev list` shows it. */
export type NodeView = z.infer<typeof nodeViewSchema>;

/** The answer: one line of JSON, then the end. */
export const controlAnswerSchema = z.discriminatedUnion("ok", [
  /** `text`: what was done, for people. `nodes`: those that were asked about. */
  z.object({ ok: z.literal(true), text: z.string(), nodes: z.array(nodeViewSchema) }),
  z.object({ ok: z.literal(false), message: z.string() }),
]);

export type ControlAnswer = z.infer<typeof controlAnswerSchema>;
