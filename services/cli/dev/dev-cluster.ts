import { type Clock, sleep } from "../../kernel/clock.ts";
import { CommandError } from "../command-error.ts";
import { exitCodes } from "../exit-codes.ts";
import type { ControlAnswer, ControlRequest, KillSignal, NodeView } from "./control-message.ts";
import { ownFlags } from "./node-flags.ts";
import { type NodePorts, nodeName, nodesMax, portsOf } from "./node-ports.ts";
import {
  describeEnd,
  type NodeAddresses,
  type NodeProcess,
  type ProcessEnd,
  startNodeProcess,
} from "./node-process.ts";

/** What a node may take beyond its drain deadline before it is killed, in milliseconds. */
const stopMsMax = 15_000;

/** Signals after which a process goes on. */
const harmless: ReadonlySet<KillSignal> = new Set(["SIGSTOP", "SIGCONT"]);

/** What the nodes are started with, and who is told about them. */
export interface DevClusterOptions {
  /** Settings that all nodes share, as flags. */
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** The port of the first node for clients; 0: all ports are free ones. */
  readonly firstPort: number;
  /** `drain.deadlineMs` of the nodes. */
  readonly drainMs: number;
  onLog(node: string, line: string): void;
  onReady(node: string, pid: number, addresses: NodeAddresses): void;
  /** A node ended; `expected` when it was asked to by `stop`. */
  onEnd(node: string, end: ProcessEnd, expected: boolean): void;
}

type NodeState =
  | { readonly kind: "starting"; readonly process: NodeProcess }
  | { readonly kind: "up"; readonly process: NodeProcess }
  | { readonly kind: "ended"; readonly end: ProcessEnd };

interface DevNode {
  readonly number: number;
  readonly name: string;
  /** Those that it got at its first start, so that it comes back where it was. */
  ports: NodePorts;
  addresses: NodeAddresses | undefined;
  state: NodeState;
}

/** The processes of one `parley dev --nodes`, on one data directory. None is restarted by itself. */
export class DevCluster {
  readonly #options: DevClusterOptions;
  readonly #nodes = new Map<number, DevNode>();
  readonly #allEnded = Promise.withResolvers<void>();
  #stopping = false;

  constructor(options: DevClusterOptions) {
    this.#options = options;
  }

  /** Resolves when the last process that runs has ended. */
  get allEnded(): Promise<void> {
    return this.#allEnded.promise;
  }

  /** Starts node `number`, or starts it again where it was. Rejects with a CommandError when it does not get ready. */
  async start(number: number): Promise<DevNode> {
    const node = this.#nodes.get(number);
    if (node !== undefined && node.state.kind !== "ended") {
      throw new CommandError(`${node.name} runs already`);
    }
    return this.#run(number, node);
  }

  /** Starts one more. */
  async add(): Promise<DevNode> {
    const number = Math.max(0, ...this.#nodes.keys()) + 1;
    if (number <= nodesMax) return this.#run(number, undefined);
    throw new CommandError(`there are ${nodesMax} nodes already; start one that has ended again`);
  }

  /** Sends a signal; after one that ends a process, waits until it has ended. Resolves to what happened. */
  async kill(number: number, signal: KillSignal): Promise<string> {
    const { name, state } = this.#known(number);
    if (state.kind === "ended") throw new CommandError(`${name} does not run: it ${describeEnd(state.end)}`);
    state.process.send(signal);
    if (harmless.has(signal)) return `${signal} was sent to ${name}`;
    return `${name} ${describeEnd(await state.process.ended)}`;
  }

  /** All nodes, by number. */
  list(): NodeView[] {
    return [...this.#nodes.values()].sort((one, other) => one.number - other.number).map(viewOf);
  }

  /** Does what a command on the socket asks. */
  async answer(request: ControlRequest): Promise<ControlAnswer> {
    switch (request.command) {
      case "kill": {
        const text = await this.kill(request.node, request.signal);
        return { ok: true, text, nodes: [viewOf(this.#known(request.node))] };
      }
      case "start":
        return started(await this.start(this.#known(request.node).number));
      case "add":
        return started(await this.add());
      case "list":
        return { ok: true, text: "", nodes: this.list() };
    }
  }

  /** Lets all nodes drain and end; kills those that take too long. Resolves to how they ended. */
  async stop(): Promise<ReadonlyMap<string, ProcessEnd>> {
    this.#stopping = true;
    const ends = await Promise.all(
      [...this.#nodes.values()].flatMap(({ name, state }) =>
        state.kind === "ended" ? [] : [this.#stopProcess(state.process).then((end) => [name, end] as const)],
      ),
    );
    return new Map(ends);
  }

  async #stopProcess(process: NodeProcess): Promise<ProcessEnd> {
    process.send("SIGTERM");
    // A frozen one hears nothing else.
    process.send("SIGCONT");
    const ended = new AbortController();
    void sleep(this.#options.clock, this.#options.drainMs + stopMsMax, ended.signal).then(() => {
      if (!ended.signal.aborted) process.send("SIGKILL");
    });
    const end = await process.ended;
    ended.abort();
    return end;
  }

  async #run(number: number, earlier: DevNode | undefined): Promise<DevNode> {
    if (this.#stopping) throw new CommandError("all nodes are being stopped", exitCodes.unavailable);
    const { flags, environment, firstPort } = this.#options;
    const name = nodeName(number);
    const ports = earlier?.ports ?? portsOf(number, firstPort);
    const process = startNodeProcess({
      flags: [...flags, ...ownFlags(number, ports)],
      environment,
      onLog: (line) => this.#options.onLog(name, line),
    });
    const fresh = {
      number,
      name,
      ports,
      addresses: undefined,
      state: { kind: "starting", process },
    } as const;
    const node: DevNode = earlier ?? { ...fresh };
    node.state = fresh.state;
    this.#nodes.set(number, node);
    void process.ended.then((end) => this.#hasEnded(node, end));
    const addresses = await process.ready.catch((error: unknown) => {
      throw new CommandError(
        `${name} could not start: ${error instanceof Error ? error.message : String(error)}; see its log`,
        exitCodes.startFailed,
      );
    });
    node.state = { kind: "up", process };
    node.addresses = addresses;
    node.ports = portsAt(addresses, ports);
    this.#options.onReady(name, process.pid, addresses);
    return node;
  }

  #hasEnded(node: DevNode, end: ProcessEnd): void {
    node.state = { kind: "ended", end };
    this.#options.onEnd(node.name, end, this.#stopping);
    if ([...this.#nodes.values()].every(({ state }) => state.kind === "ended")) this.#allEnded.resolve();
  }

  #known(number: number): DevNode {
    const node = this.#nodes.get(number);
    if (node !== undefined) return node;
    const names = [...this.#nodes.values()].map(({ name }) => name).join(", ");
    throw new CommandError(`there is no ${nodeName(number)}; there are ${names}`);
  }
}

/** The ports that a node listens on, whatever was asked for. */
function portsAt(addresses: NodeAddresses, asked: NodePorts): NodePorts {
  return {
    public: portOf(addresses.public),
    admin: portOf(addresses.admin),
    mesh: addresses.mesh === null ? asked.mesh : portOf(`http://${addresses.mesh}`),
    tls: addresses.tls === null ? asked.tls : portOf(addresses.tls),
  };
}

function portOf(url: string): number {
  const { port, protocol } = new URL(url);
  return port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
}

function started(node: DevNode): ControlAnswer {
  return { ok: true, text: `${node.name} is ready: ${node.addresses?.public ?? ""}`, nodes: [viewOf(node)] };
}

function viewOf({ name, state, addresses }: DevNode): NodeView {
  return {
    node: name,
    state: state.kind === "ended" ? describeEnd(state.end) : state.kind,
    pid: state.kind === "ended" ? null : state.process.pid,
    public: addresses?.public ?? null,
    mesh: addresses?.mesh ?? null,
    admin: addresses?.admin ?? null,
  };
}
