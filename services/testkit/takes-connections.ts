import { once } from "node:events";
import { connect } from "node:net";

/** Whether somebody listens at `host:port`. */
export async function takesConnections(address: string): Promise<boolean> {
  const { port, hostname } = new URL(`tcp://${address}`);
  const socket = connect(Number(port), hostname);
  const isOpen = await Promise.race([
    once(socket, "connect").then(() => true),
    once(socket, "error").then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return isOpen;
}
