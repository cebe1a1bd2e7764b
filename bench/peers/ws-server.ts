// As the README of ws advises: per-message deflate stays off (its default), and a broadcast is a loop over the clients.
import { once } from "node:events";
import { WebSocket, WebSocketServer } from "ws";
import { answerTasks } from "../processes/child.ts";
import { everyInterval, memoryNow, type PeerTasks } from "./peer-tasks.ts";

const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
const listening = once(server, "listening");
server.on("connection", (client: WebSocket) => client.on("error", () => client.terminate()));

answerTasks<PeerTasks>({
  listen: async () => {
    await listening;
    return `ws://127.0.0.1:${server.address().port}`;
  },
  push: (plan) => {
    const bytes = Buffer.alloc(plan.events * plan.eventBytes, 1);
    return everyInterval(plan, () => {
      for (const client of server.clients) {
        if (client.readyState === WebSocket.OPEN) client.send(bytes, { binary: true });
      }
    });
  },
  clients: () => server.clients.size,
  memory: memoryNow,
});
