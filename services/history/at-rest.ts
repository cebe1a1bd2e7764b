import { type Finding, startFinding } from "./finding.ts";

/** What a node says of itself: the values of its metrics, by their names without the prefix. */
export interface NodeReading {
  readonly nodeId: string;
  readonly metrics: ReadonlyMap<string, number>;
}

/** What is 0 at every node a while after the last device has gone, the last send is answered and all faults are over. */
export const zeroAtRest: readonly string[] = [
  "session_attached",
  "session_opening",
  "session_unacknowledged",
  "session_feeds",
  "session_feed_accounts",
  "session_feed_conversations",
  "session_lagging_conversations",
  "session_page_bytes",
  "mesh_topics_joined",
  "mesh_topics_owned",
  "link_unacknowledged",
  "link_suspected",
  "append_waiting",
  "own_reads_pending",
];

/** What stands in the way of rest, a sentence each. A metric that a node does not have is one of them. */
export function unrestOf(readings: readonly NodeReading[]): string[] {
  return readings.flatMap(({ nodeId, metrics }) =>
    zeroAtRest.flatMap((name) => {
      const value = metrics.get(name);
      return value === 0 ? [] : [`${nodeId}: ${name} is ${value ?? "not there"}`];
    }),
  );
}

/** Nodes that serve nobody hold nothing for anybody: no session, no interest, nothing on its way. */
export function checkAtRest(readings: readonly NodeReading[]): Finding {
  const finding = startFinding("nothing is left at the end");
  for (let reading = 0; reading < readings.length * zeroAtRest.length; reading += 1) finding.examine();
  for (const sentence of unrestOf(readings)) finding.violate(sentence);
  return finding.finish();
}
