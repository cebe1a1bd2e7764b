import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { goToolDirectory } from "../../testkit/go-tools.ts";
import { grpcurl } from "../go-tools.ts";
import { EnvelopeReader, encodeEnvelope } from "../harness/envelope.ts";
import { loadFlags } from "../harness/load-flags.ts";
import { type ParleyProcess, startParley } from "../harness/parley-process.ts";
import { directConversation, type Person, register, sendText } from "../json-client.ts";
import { suiteNeeds } from "../tools.ts";

const buf = fileURLToPath(new URL("../../../node_modules/.bin/buf", import.meta.url));

let node: ParleyProcess;
let ada: Person;
let ben: Person;
let conversationId: string;

beforeAll(async () => {
  node = await startParley({ flags: loadFlags });
  [ada, ben] = await Promise.all([register(node.publicUrl, "ada"), register(node.publicUrl, "ben")]);
  conversationId = directConversation(ada.accountId, ben.accountId);
  await sendText(ben, conversationId, "Grüße 👋");
});

afterAll(() => node[Symbol.asyncDispose]());

interface Printed {
  readonly status: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs a program to its end, with something on its standard input. */
async function run(program: string, argv: readonly string[], input?: string | Uint8Array): Promise<Printed> {
  const running = promisify(execFile)(program, argv, { encoding: "buffer", timeout: 15_000 });
  running.child.stdin?.end(input);
  try {
    const { stdout, stderr } = await running;
    return { status: 0, stdout, stderr: stderr.toString() };
  } catch (error) {
    const failed = z
      .object({ code: z.number(), stdout: z.instanceof(Buffer), stderr: z.instanceof(Buffer) })
      .parse(error);
    return { status: failed.code, stdout: failed.stdout, stderr: failed.stderr.toString() };
  }
}

const entriesSchema = z.object({
  entries: z.array(
    z.object({ seq: z.string(), message: z.object({ text: z.object({ text: z.string() }) }) }),
  ),
});

function textsOf(stdout: Buffer): string[] {
  return entriesSchema.parse(JSON.parse(stdout.toString())).entries.map(({ message }) => message.text.text);
}

function messageTo(conversation: string, text: string): string {
  return JSON.stringify({
    conversationId: conversation,
    clientMessageId: randomUUID(),
    content: { text: { text } },
  });
}

suiteNeeds(["curl"])("curl", () => {
  const call = (version: string, method: string, data: string): Promise<Printed> =>
    run(
      "curl",
      [
        ["-s", "-w", "\n%{http_code} %{http_version}", version, `${node.publicUrl}/${method}`],
        ["-H", `authorization: Bearer ${ada.token}`, "-H", "content-type: application/json", "-d", data],
      ].flat(),
    );

  describe.each([
    ["--http1.1", "1.1"],
    ["--http2-prior-knowledge", "2"],
    ["--http2", "1.1"],
  ])("%s", (version, answered) => {
    test("sends, and a repeated send has the same answer", async () => {
      const message = messageTo(conversationId, `sent with ${version}`);
      const first = await call(version, "parley.message.v1.MessageService/SendMessage", message);
      const again = await call(version, "parley.message.v1.MessageService/SendMessage", message);
      expect(first.stdout.toString()).toMatch(new RegExp(`"position".*\n200 ${answered}$`, "s"));
      expect(again.stdout.toString()).toBe(first.stdout.toString());
    });

    test("reads an error with its reason", async () => {
      const { stdout } = await call(
        version,
        "parley.message.v1.MessageService/ListEntries",
        '{"conversationId":"x"}',
      );
      const [body = "", end = ""] = stdout.toString().split("\n");
      expect(end).toBe(`404 ${answered}`);
      expect(JSON.parse(body)).toMatchObject({
        code: "not_found",
        details: [
          { type: "google.rpc.ErrorInfo", debug: { reason: "CONVERSATION_NOT_FOUND", domain: "parley" } },
        ],
      });
    });
  });

  test("reads a Receive stream over HTTP/1.1 for as long as it likes", async () => {
    const request = encodeEnvelope(Buffer.from('{"open":{}}'));
    const { status, stdout } = await run(
      "curl",
      [
        ["-s", "--http1.1", "--max-time", "1", `${node.publicUrl}/parley.session.v1.SessionService/Receive`],
        ["-H", `authorization: Bearer ${ben.token}`, "-H", "content-type: application/connect+json"],
        ["--data-binary", "@-"],
      ].flat(),
      request,
    );
    // 28: curl's own time limit; the node would have gone on.
    expect(status).toBe(28);
    const messages = new EnvelopeReader().push(stdout).map(({ data }) => Buffer.from(data).toString());
    expect(messages[0]).toContain('"opened"');
    expect(messages.join("\n")).toContain("Grüße 👋");
    expect(messages.join("\n")).toContain('"caughtUp":true');
  });

  test("reads the public keys, and nothing under other paths", async () => {
    const keys = await run("curl", ["-s", `${node.publicUrl}/.well-known/jwks.json`]);
    expect(JSON.parse(keys.stdout.toString())).toMatchObject({ keys: [{ kty: "RSA", alg: "RS256" }] });
    expect((await run("curl", ["-sf", `${node.publicUrl}/etc/passwd`])).status).toBe(22);
  });
});

describe.each(["connect", "grpc", "grpcweb"])("buf curl --protocol %s, by reflection", (protocol) => {
  const call = (method: string, data: string): Promise<Printed> =>
    run(
      buf,
      [
        ["curl", "--http2-prior-knowledge", "--reflect", "--protocol", protocol],
        ["-H", `authorization: Bearer ${ada.token}`, "-d", data, `${node.publicUrl}/${method}`],
      ].flat(),
    );

  test("sends and lists", async () => {
    const text = `sent with ${protocol}`;
    const sent = await call("parley.message.v1.MessageService/SendMessage", messageTo(conversationId, text));
    expect(JSON.parse(sent.stdout.toString())).toMatchObject({ position: { conversationId } });
    const listed = await call(
      "parley.message.v1.MessageService/ListEntries",
      JSON.stringify({ conversationId, direction: "LIST_DIRECTION_BACKWARD" }),
    );
    expect(textsOf(listed.stdout)).toEqual(expect.arrayContaining([text, "Grüße 👋"]));
  });

  test("ends with eight times the code of an error, and shows its reason", async () => {
    const { status, stderr } = await call(
      "parley.message.v1.MessageService/ListEntries",
      '{"conversationId":"x"}',
    );
    expect(status).toBe(8 * 5);
    // Over gRPC it shows the details as they are encoded.
    const encoded = /"value": "(?<value>[^"]*)"/.exec(stderr)?.groups?.["value"] ?? "";
    expect(stderr).toContain("google.rpc.ErrorInfo");
    expect(stderr + Buffer.from(encoded, "base64").toString()).toContain("CONVERSATION_NOT_FOUND");
  });
});

test("buf curl lists the services of the node, reflection and health included", async () => {
  const { stdout } = await run(buf, ["curl", "--http2-prior-knowledge", "--list-methods", node.publicUrl]);
  const methods = stdout.toString().trim().split("\n");
  expect(methods).toContain("parley.session.v1.SessionService/Attach");
  expect(methods).toContain("grpc.health.v1.Health/Check");
});

suiteNeeds([grpcurl.name])("grpcurl", () => {
  const call = (method: string, data: string): Promise<Printed> =>
    run(
      join(goToolDirectory(grpcurl) ?? "", "grpcurl"),
      [
        ["-plaintext", "-max-time", "2", "-H", `authorization: Bearer ${ada.token}`, "-d", data],
        [new URL(node.publicUrl).host, method],
      ].flat(),
    );

  test("lists a conversation", async () => {
    const { stdout } = await call(
      "parley.message.v1.MessageService/ListEntries",
      JSON.stringify({ conversationId }),
    );
    expect(textsOf(stdout)).toContain("Grüße 👋");
  });

  test("attaches, and gets what there is", async () => {
    const { stdout } = await call("parley.session.v1.SessionService/Attach", '{"frame":{"open":{}}}');
    expect(stdout.toString()).toContain("Grüße 👋");
    expect(stdout.toString()).toContain('"caughtUp": true');
  });
});
