import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { goToolDirectory } from "../../testkit/go-tools.ts";
import { type NodeCluster, startCluster } from "../cluster/node-cluster.ts";
import { type FinishedProgram, finish, startProgram } from "../command/parley-command.ts";
import { grpcurl } from "../go-tools.ts";
import { loadFlags } from "../harness/load-flags.ts";
import { directConversation, type Person, register, sendText } from "../json-client.ts";
import { suiteNeeds } from "../tools.ts";

suiteNeeds([grpcurl.name])("grpcurl against three nodes", () => {
  let cluster: NodeCluster;
  let ada: Person;
  let ben: Person;
  let conversationId: string;

  beforeAll(async () => {
    cluster = await startCluster(3, { flags: loadFlags });
    const [first = "", second = ""] = cluster.servers;
    [ada, ben] = await Promise.all([register(first, "ada"), register(second, "ben")]);
    conversationId = directConversation(ada.accountId, ben.accountId);
  }, 60_000);

  afterAll(() => cluster[Symbol.asyncDispose]());

  /** Calls one node in Ada's name; `-max-time` among the flags ends a stream. */
  function run(
    node: number,
    call: readonly string[],
    { flags = [], input }: { readonly flags?: readonly string[]; readonly input?: string } = {},
  ): Promise<FinishedProgram> {
    const { host } = new URL(cluster.servers[node] ?? "");
    const argv = ["-plaintext", "-H", `authorization: Bearer ${ada.token}`, ...flags, host, ...call];
    const program = join(goToolDirectory(grpcurl) ?? "", "grpcurl");
    return finish(startProgram(program, argv, input === undefined ? {} : { input }));
  }

  test("lists and describes what each node serves, and each says that it does", async () => {
    for (const node of [0, 1, 2]) {
      const services = (await run(node, ["list"])).stdout.split("\n");
      expect(services).toContain("grpc.health.v1.Health");
      expect(services).toContain("parley.session.v1.SessionService");
      const health = await run(node, ["grpc.health.v1.Health/Check"]);
      expect(JSON.parse(health.stdout)).toEqual({ status: "SERVING" });
    }
    const { stdout } = await run(1, ["describe", "parley.session.v1.SessionService.Attach"]);
    expect(stdout).toContain("stream .parley.session.v1.AttachRequest");
  });

  test("sends through one node and lists through another", async () => {
    const clientMessageId = randomUUID();
    const message = { conversationId, clientMessageId, content: { text: { text: "by a unary call" } } };
    const sent = await run(0, ["parley.message.v1.MessageService/SendMessage"], {
      flags: ["-d", JSON.stringify(message)],
    });
    expect(JSON.parse(sent.stdout)).toMatchObject({ position: { conversationId } });
    const list = await run(2, ["parley.message.v1.MessageService/ListEntries"], {
      flags: ["-d", JSON.stringify({ conversationId })],
    });
    expect(JSON.parse(list.stdout)).toMatchObject({ entries: [{ clientMessageId }] });
  });

  test("reads a server stream on one node of what another took", async () => {
    await sendText(ben, conversationId, "for the stream");
    const { stdout } = await run(2, ["parley.session.v1.SessionService/Receive"], {
      flags: ["-max-time", "2", "-d", '{"open":{}}'],
    });
    expect(stdout).toContain('"opened"');
    expect(stdout).toContain("for the stream");
    expect(stdout).toContain('"caughtUp": true');
  });

  test("speaks on a stream of both directions: opens, pings and sends", async () => {
    const message = {
      conversationId,
      clientMessageId: randomUUID(),
      content: { text: { text: "by a frame" } },
    };
    const frames = [{ open: {} }, { ping: "7" }, { send: message }];
    const { stdout } = await run(1, ["parley.session.v1.SessionService/Attach"], {
      flags: ["-max-time", "2", "-d", "@"],
      input: frames.map((frame) => JSON.stringify({ frame })).join("\n"),
    });
    expect(stdout).toContain('"pong": "7"');
    expect(stdout).toContain('"committed"');
    expect(stdout).toContain("by a frame");
  });

  test("shows the details of an error decoded", async () => {
    const { status, stderr } = await run(0, ["parley.message.v1.MessageService/ListEntries"], {
      flags: ["-d", '{"conversationId":"x"}'],
    });
    expect(status).toBe(64 + 5);
    expect(stderr).toContain("Code: NotFound");
    expect(stderr).toContain("google.rpc.ErrorInfo");
    expect(stderr).toMatch(/"reason":\s*"CONVERSATION_NOT_FOUND"/);
  });
});
