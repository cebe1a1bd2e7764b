import { execFile, spawnSync } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { type Echo, EchoSchema, EchoService } from "./fixtures/echo-service.ts";
import { startTestNode, type TestNode } from "./fixtures/test-node.ts";
import { pushResponse } from "./push-stream.ts";

const run = promisify(execFile);
const curl = spawnSync("curl", ["--version"]);
const curlKnowsHttp2 = curl.status === 0 && curl.stdout.toString().includes("HTTP2");
if (!curlKnowsHttp2 && process.env["CI"] === "true") throw new Error("curl with HTTP/2 is needed");

function startNode(): Promise<TestNode> {
  return startTestNode({
    handler: { reflection: true },
    routes: (router) => {
      router.service(EchoService, {
        say: (request) => {
          if (request.text === "fail") throw new Fault(ErrorReason.NOT_A_MEMBER, "You left: go away");
          return request;
        },
        push: (request, context) =>
          pushResponse(context, async (push) => {
            for (let number = 0n; number < request.number; number += 1n) {
              push.write(toBinary(EchoSchema, create(EchoSchema, { text: request.text, number })));
            }
            push.flush();
          }),
      });
    },
  });
}

describe.skipIf(!curlKnowsHttp2)("curl (needs curl with HTTP/2)", () => {
  test.each(["--http1.1", "--http2", "--http2-prior-knowledge"])(
    "gets an answer with %s",
    async (version) => {
      await using node = await startNode();
      const url = `${node.url}/test.echo.v1.EchoService/Say`;
      const { stdout } = await run("curl", ["-s", version, "--json", '{"text":"hi"}', url]);
      expect(JSON.parse(stdout)).toEqual({ text: "hi" });
    },
  );
});

describe("buf curl", () => {
  test.each(["grpc", "grpcweb", "connect"])(
    "finds the schema by reflection and calls over %s",
    async (protocol) => {
      await using node = await startNode();
      const call = (method: string, data: string): Promise<{ stdout: string }> =>
        run("buf", [
          "curl",
          "--protocol",
          protocol,
          "--http2-prior-knowledge",
          "--data",
          data,
          `${node.url}/test.echo.v1.EchoService/${method}`,
        ]);
      expect(JSON.parse((await call("Say", '{"text":"hi"}')).stdout)).toEqual({ text: "hi" });
      const pushed = (await call("Push", '{"text":"x","number":"2"}')).stdout;
      expect(pushed.replaceAll(/\s/g, "")).toBe('{"text":"x"}{"text":"x","number":"1"}');
      // The exit code is eight times the status code.
      await expect(call("Say", '{"text":"fail"}')).rejects.toMatchObject({
        code: 7 * 8,
        stderr: expect.stringContaining("google.rpc.ErrorInfo"),
      });
    },
  );
});

function serialize(message: Echo): Buffer {
  return Buffer.from(toBinary(EchoSchema, message));
}

function deserialize(bytes: Buffer): Echo {
  return fromBinary(EchoSchema, bytes);
}

describe("grpc-js", () => {
  test("reads a push stream and its end", async () => {
    await using node = await startNode();
    const client = new grpc.Client(`127.0.0.1:${node.port}`, grpc.credentials.createInsecure());
    const request = create(EchoSchema, { text: "x", number: 3n });
    const call = client.makeServerStreamRequest(
      "/test.echo.v1.EchoService/Push",
      serialize,
      deserialize,
      request,
    );
    const numbers: bigint[] = [];
    call.on("data", (echo: Echo) => numbers.push(echo.number));
    const [status] = await once(call, "status");
    expect([numbers, status.code]).toEqual([[0n, 1n, 2n], grpc.status.OK]);
    client.close();
  });

  test("shows the text of an error without escapes", async () => {
    await using node = await startNode();
    const client = new grpc.Client(`127.0.0.1:${node.port}`, grpc.credentials.createInsecure());
    const { promise, resolve } = Promise.withResolvers<grpc.ServiceError | null>();
    const request = create(EchoSchema, { text: "fail" });
    client.makeUnaryRequest("/test.echo.v1.EchoService/Say", serialize, deserialize, request, resolve);
    expect(await promise).toMatchObject({
      code: grpc.status.PERMISSION_DENIED,
      details: "You left - go away",
    });
    client.close();
  });
});
