import { describe, expect, test } from "vitest";
import { EchoService } from "./fixtures/echo-service.ts";
import { startTestNode, type TestNode } from "./fixtures/test-node.ts";

function startNode(corsOrigins: string[]): Promise<TestNode> {
  return startTestNode({
    routes: (router) => void router.rpc(EchoService.method.say, (request) => request),
    handler: { corsOrigins },
  });
}

function preflight(node: TestNode, origin: string): Promise<Response> {
  return fetch(`${node.url}/test.echo.v1.EchoService/Say`, {
    method: "OPTIONS",
    headers: { origin, "access-control-request-method": "POST" },
  });
}

describe("cross-origin requests", () => {
  test("a preflight of a configured origin allows the headers of every protocol and the token", async () => {
    await using node = await startNode(["https://app.example"]);
    const { status, headers } = await preflight(node, "https://app.example");
    expect([status, headers.get("access-control-allow-origin")]).toEqual([204, "https://app.example"]);
    const allowed = headers.get("access-control-allow-headers")?.toLowerCase();
    for (const name of [
      "authorization",
      "connect-protocol-version",
      "x-grpc-web",
      "grpc-timeout",
      "x-request-id",
    ]) {
      expect(allowed).toContain(name);
    }
    expect(headers.get("access-control-allow-methods")).toBe("POST, GET");
    expect(headers.get("vary")).toBe("origin");
  });

  test("a preflight of another origin is refused without any permission", async () => {
    await using node = await startNode(["https://app.example"]);
    const { status, headers } = await preflight(node, "https://evil.example");
    expect([status, headers.get("access-control-allow-origin")]).toEqual([403, null]);
  });

  test.each([["https://app.example"], ["*"]])(
    "an answer exposes what gRPC-Web needs (%s)",
    async (configured) => {
      await using node = await startNode([configured]);
      const { headers } = await fetch(`${node.url}/test.echo.v1.EchoService/Say`, {
        method: "POST",
        headers: { origin: "https://app.example", "content-type": "application/json" },
        body: "{}",
      });
      expect(headers.get("access-control-allow-origin")).toBe("https://app.example");
      const exposed = headers.get("access-control-expose-headers")?.toLowerCase();
      for (const name of ["grpc-status", "grpc-message", "grpc-status-details-bin", "x-request-id"]) {
        expect(exposed).toContain(name);
      }
    },
  );
});
