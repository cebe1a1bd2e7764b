import type { CommandContext } from "../command-context.ts";
import { emphasisFor } from "../emphasis.ts";
import type { MessageTrace } from "./demo-journal.ts";
import type { DemoNode } from "./demo-nodes.ts";
import type { DemoPlaces } from "./demo-places.ts";
import {
  findingLines,
  gapLine,
  killLine,
  talkLine,
  traceHead,
  traceLine,
  verdictLines,
} from "./demo-text.ts";
import type { DemoVerdict } from "./demo-verdict.ts";

/** Tells people or scripts how a demo goes. Moments are milliseconds of the clock. */
export interface DemoReporter {
  ready(nodes: readonly DemoNode[], startMs: number): void;
  places(places: DemoPlaces, conversationId: string): void;
  message(trace: MessageTrace): void;
  burst(beganMs: number, messages: number): void;
  killed(node: string, killedMs: number, underWay: number): void;
  /** A stream was lost and is opened again. */
  lost(text: string): void;
  readBack(entries: number, newOwner: string): void;
  verdict(verdict: DemoVerdict): void;
}

/** Lines for people. */
export function textReporter(context: CommandContext): DemoReporter {
  const emphasize = emphasisFor(context);
  const print = (line: string): void => context.print(line);
  const title = (text: string): void => {
    print("");
    print(emphasize("bold", text));
  };
  let burstMs: number | undefined;
  let kill: { readonly node: string; readonly ms: number; readonly underWay: number } | undefined;

  /** The kill stands before the first message that was acknowledged after it, since lines come in the order of messages. */
  function tellKillBefore({ outcome }: MessageTrace): void {
    if (kill === undefined || burstMs === undefined || outcome.kind === "rejected") return;
    if (outcome.acknowledgedMs < kill.ms) return;
    print(killLine(kill.node, kill.ms - burstMs, kill.underWay, emphasize));
    print(gapLine(outcome.acknowledgedMs - kill.ms, emphasize));
    kill = undefined;
  }

  return {
    ready: (nodes, startMs) => {
      print(emphasize("bold", `Three nodes are ready after ${(startMs / 1000).toFixed(1)} s.`));
      for (const node of nodes)
        print(`    ${node.name}  process ${node.process.pid}  clients ${node.public}`);
    },
    places: ({ owner, alice, bob }, conversationId) => {
      title(`alice is attached to ${alice.name}, bob to ${bob.name}.`);
      print(
        `    Their conversation ${conversationId} is owned by ${owner.name}: all its messages pass through it.`,
      );
    },
    message: (trace) => {
      tellKillBefore(trace);
      print(burstMs === undefined ? talkLine(trace) : traceLine(trace, burstMs, emphasize));
    },
    burst: (beganMs, messages) => {
      burstMs = beganMs;
      title(`alice sends ${messages} messages without waiting for answers.`);
      print(emphasize("dim", traceHead));
    },
    killed: (node, ms, underWay) => {
      kill = { node, ms, underWay };
    },
    lost: (text) => print(emphasize("yellow", `──  ${text}`)),
    readBack: (entries, newOwner) => {
      title(`The log has ${entries} entries. ${newOwner} owns the conversation now.`);
      print(
        "    Both list it at their nodes, and checkers compare that with all that was sent, acknowledged and received:",
      );
    },
    verdict: (verdict) => {
      for (const finding of verdict.findings) {
        for (const line of findingLines(finding, emphasize)) print(line);
      }
      print("");
      for (const line of verdictLines(verdict, emphasize)) print(line);
    },
  };
}

/** One JSON object a line. */
export function jsonReporter(context: CommandContext): DemoReporter {
  const say = (event: string, fields: object): void => {
    context.print(
      JSON.stringify({ event, ...fields }, (_, value: unknown) =>
        typeof value === "bigint" ? `${value}` : value,
      ),
    );
  };
  return {
    ready: (nodes, startMs) => {
      const shown = nodes.map(({ name, process, public: url, admin }) => ({
        name,
        pid: process.pid,
        public: url,
        admin,
      }));
      say("ready", { nodes: shown, startMs });
    },
    places: ({ owner, alice, bob }, conversationId) =>
      say("attached", { conversationId, owner: owner.name, alice: alice.name, bob: bob.name }),
    message: ({ outcome, ...trace }) => say("message", { ...trace, ...outcome }),
    burst: (beganMs, messages) => say("burst", { beganMs, messages }),
    killed: (node, killedMs, underWay) => say("killed", { node, killedMs, underWay }),
    lost: (text) => say("lost", { text }),
    readBack: (entries, newOwner) => say("listed", { entries, newOwner }),
    verdict: (verdict) => say("verdict", { ok: verdict.problems.length === 0, ...verdict }),
  };
}
