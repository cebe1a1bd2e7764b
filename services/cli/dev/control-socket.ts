import { rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { isAbsolute, join, relative, resolve } from "node:path";
import { CommandError } from "../command-error.ts";
import { exitCodes } from "../exit-codes.ts";
import {
  type ControlAnswer,
  type ControlRequest,
  controlAnswerSchema,
  controlLineMax,
  controlRequestSchema,
} from "./control-message.ts";

/** What a path of a Unix socket may have on every system, in bytes. */
const socketPathBytesMax = 103;

/** Commands that may be under way at once; more are turned away. */
const connectionsMax = 16;

/** How long a connection may be silent before it has said what it wants, in milliseconds. */
const requestMsMax = 5_000;

/** Where the `parley dev --nodes` of a data directory listens. Throws a CommandError when the path is too long. */
export function controlSocketPath(data: string): string {
  const absolute = resolve(data, "dev.sock");
  const near = relative("", absolute);
  const path = !isAbsolute(near) && near.length < absolute.length ? near : absolute;
  if (Buffer.byteLength(path) <= socketPathBytesMax) return path;
  throw new CommandError(
    `the path ${join(data, "dev.sock")} is too long for a socket: use a data directory with a shorter name`,
    exitCodes.usage,
  );
}

/** Listens for commands until it is closed. */
export interface ControlServer {
  /** Stops listening and removes the socket. */
  close(): void;
}

/**
 * Opens the socket, for its owner only, in place of one that nobody listens on any more. Throws a CommandError when
 * somebody does.
 */
export async function listenForControl(
  data: string,
  answer: (request: ControlRequest) => Promise<ControlAnswer>,
): Promise<ControlServer> {
  const path = controlSocketPath(data);
  if (await isAlive(path)) {
    throw new CommandError(`another \`parley dev --nodes\` runs on ${data}`, exitCodes.startFailed);
  }
  rmSync(path, { force: true });
  const server = createServer((socket) => void serve(socket, answer));
  server.maxConnections = connectionsMax;
  await listen(server, path);
  const remove = (): void => rmSync(path, { force: true });
  process.once("exit", remove);
  return {
    close: () => {
      process.removeListener("exit", remove);
      // Node removes the file of a socket that it closes.
      server.close();
    },
  };
}

/** The file is made by `bind`, within `listen`: only the mask decides who may open it from the first moment on. */
function listen(server: Server, path: string): Promise<void> {
  const mask = process.umask(0o177);
  try {
    return new Promise((done, fail) => server.once("error", fail).listen(path, done));
  } finally {
    process.umask(mask);
  }
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(path);
    socket.once("error", () => done(false));
    socket.once("connect", () => {
      socket.destroy();
      done(true);
    });
  });
}

async function serve(
  socket: Socket,
  answer: (request: ControlRequest) => Promise<ControlAnswer>,
): Promise<void> {
  // A command that was interrupted does not wait for its answer.
  socket.on("error", () => undefined);
  socket.setTimeout(requestMsMax, () => socket.destroy());
  const line = await readLine(socket);
  socket.setTimeout(0);
  if (line === undefined) return;
  socket.end(`${JSON.stringify(await answerTo(line, answer))}\n`);
}

async function answerTo(
  line: string,
  answer: (request: ControlRequest) => Promise<ControlAnswer>,
): Promise<ControlAnswer> {
  const request = controlRequestSchema.safeParse(parseJson(line));
  if (!request.success) {
    return { ok: false, message: "this `parley dev` does not know that command: is it of another version?" };
  }
  try {
    return await answer(request.data);
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}

/** Asks the `parley dev --nodes` of a data directory. Throws a CommandError when none runs, or when it refuses. */
export async function askControl(
  data: string,
  request: ControlRequest,
): Promise<Extract<ControlAnswer, { ok: true }>> {
  const line = await exchange(controlSocketPath(data), `${JSON.stringify(request)}\n`);
  if (line === undefined) {
    throw new CommandError(
      `no \`parley dev --nodes\` runs on ${data}: start one, or name its directory with --data`,
      exitCodes.unavailable,
    );
  }
  const answer = controlAnswerSchema.safeParse(parseJson(line));
  if (!answer.success) throw new CommandError(`the \`parley dev\` on ${data} ended before it had answered`);
  if (!answer.data.ok) throw new CommandError(answer.data.message);
  return answer.data;
}

/** Sends a line and reads one; undefined when nobody listens, an empty one when the other side ended without a word. */
async function exchange(path: string, text: string): Promise<string | undefined> {
  const socket = connect(path);
  const connected = await new Promise<boolean>((done) => {
    socket.once("connect", () => done(true)).once("error", () => done(false));
  });
  if (!connected) return undefined;
  socket.on("error", () => undefined);
  socket.write(text);
  const line = await readLine(socket);
  socket.destroy();
  return line ?? "";
}

/** The first line that comes in; undefined when there is none, or a longer one than `controlLineMax`. */
function readLine(socket: Socket): Promise<string | undefined> {
  return new Promise((done) => {
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (part: string) => {
      text += part;
      const end = text.indexOf("\n");
      if (end >= 0) return done(text.slice(0, end));
      if (text.length > controlLineMax) {
        socket.destroy();
        done(undefined);
      }
      return undefined;
    });
    socket.once("close", () => done(undefined));
    socket.once("end", () => done(undefined));
  });
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
