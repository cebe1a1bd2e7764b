import { attachAll } from "../device/attach-all.ts";
import { connectClients } from "../peers/peer-clients.ts";
import { answerTasks } from "../processes/child.ts";

/** Holds idle connections open, in a process of its own, until it ends. */
export interface IdleHolderTasks {
  attach(argument: { server: string; accessTokens: readonly string[] }): Promise<void>;
  connect(argument: { url: string; count: number }): Promise<void>;
}

answerTasks<IdleHolderTasks>({
  attach: async ({ server, accessTokens }) => {
    await attachAll(
      accessTokens.map((accessToken) => ({ server, accessToken })),
      () => ({}),
    );
  },
  connect: ({ url, count }) => connectClients(url, count, () => undefined),
});
