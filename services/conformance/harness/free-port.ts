import { createServer } from "node:net";

/** Below the ports that the kernel gives to those who ask for any, so that nobody takes it in between by chance. */
const ports = { first: 20_000, count: 10_000 };

/** How many ports are tried before it fails. */
const triesMax = 50;

/** A TCP port of 127.0.0.1 that nobody listens on; for a process that must know its port before it starts. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const port = ports.first + Math.floor(Math.random() * ports.count);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port among ${triesMax} from ${ports.first} on`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
