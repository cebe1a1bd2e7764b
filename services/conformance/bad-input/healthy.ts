import { z } from "zod";
import type { ParleyProcess } from "../harness/parley-process.ts";

/** What must hold after any amount of bad input, as a list of what does not. */
export async function whatIsWrong(node: ParleyProcess): Promise<string[]> {
  const wrong: string[] = [];
  const live = await fetch(`${node.adminUrl}/healthz`);
  if (live.status !== 200) wrong.push(`/healthz answers ${live.status}`);
  const ready = await fetch(`${node.adminUrl}/readyz`);
  if (ready.status !== 200) wrong.push(`/readyz answers ${ready.status}`);
  const metrics = await (await fetch(`${node.adminUrl}/metrics`)).text();
  for (const line of metrics.split("\n")) {
    if (/^\w*rpc_bugs_total\b/.test(line) && !line.endsWith(" 0")) wrong.push(line);
  }
  wrong.push(...node.logs.filter((line) => /bug|uncaught|unhandled/i.test(line)));
  const health = await fetch(`${node.publicUrl}/grpc.health.v1.Health/Check`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  const answer = z.object({ status: z.string() }).safeParse(await health.json());
  if (answer.data?.status !== "SERVING") wrong.push(`the health service answers ${health.status}`);
  return wrong;
}
