import type { Document } from "mongodb";

/**
 * What is wrong with a deployment as the place of acknowledged messages, by its primary's reply to `hello`; undefined when
 * a majority of it is two servers with data or more. It looks at electable members only: all of them have data and a
 * vote, whereas `hello` does not tell whether a member of priority 0 has a vote, and hides hidden ones.
 */
export function topologyProblem(hello: Document): string | undefined {
  if (hello["msg"] === "isdbgrid") {
    return "it is a sharded cluster, and mongos does not tell how many servers have a copy of a write";
  }
  if (hello["setName"] === undefined) {
    return hello["isreplicaset"] === true
      ? "its replica set was not initiated: no server keeps a copy of a write"
      : "it is a single server: what it acknowledged is lost with its disk, and it cannot be restarted without an outage";
  }
  const electable = listOf(hello["hosts"]).length;
  if (electable >= 2) return undefined;
  const others = listOf(hello["arbiters"]).length + listOf(hello["passives"]).length;
  const beside = others === 0 ? "" : ` beside ${others} that cannot become primary`;
  return `its replica set has ${electable} electable member${beside}, so that a majority may be one server with data`;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
