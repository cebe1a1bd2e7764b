import { create, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectRouter, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/grpc/health/v1/health_pb.ts";
import {
  ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import {
  type ServerReflectionRequest as AlphaRequest,
  ServerReflectionRequestSchema as AlphaRequestSchema,
  ServerReflection as ServerReflectionAlpha,
} from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { EchoService } from "./fixtures/echo-service.ts";
import { startTestNode, transportOf } from "./fixtures/test-node.ts";
import { createHealthState } from "./health.ts";

const echoName = EchoService.typeName;
const routes = (router: ConnectRouter): void => {
  router.service(EchoService, { say: (request) => request });
};

async function ask(
  url: string,
  messageRequest: ServerReflectionRequest["messageRequest"],
): Promise<ServerReflectionResponse["messageResponse"]> {
  const client = createClient(ServerReflection, transportOf("grpc", url));
  const requests = async function* () {
    yield create(ServerReflectionRequestSchema, { messageRequest });
  };
  for await (const response of client.serverReflectionInfo(requests())) return response.messageResponse;
  throw new Error("no answer");
}

async function* alphaListing(): AsyncGenerator<AlphaRequest> {
  yield create(AlphaRequestSchema, { host: "h", messageRequest: { case: "listServices", value: "" } });
}

function fileNames(answer: ServerReflectionResponse["messageResponse"]): string[] {
  if (answer.case !== "fileDescriptorResponse") throw new Error(`answered ${answer.case}`);
  return answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
}

describe("reflection", () => {
  test("lists the registered services, itself and health, under both versions", async () => {
    const health = createHealthState([echoName]);
    await using node = await startTestNode({ routes, handler: { reflection: true, health } });
    const names = [
      echoName,
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
    ];
    const answer = await ask(node.url, { case: "listServices", value: "" });
    expect(answer).toMatchObject({ value: { service: names.map((name) => ({ name })) } });
    const client = createClient(ServerReflectionAlpha, transportOf("connect h2", node.url));
    for await (const { messageResponse, validHost } of client.serverReflectionInfo(alphaListing())) {
      expect(validHost).toBe("h");
      expect(messageResponse).toMatchObject({ value: { service: names.map((name) => ({ name })) } });
    }
  });

  test.each([
    ["a service", echoName],
    ["a method", `${echoName}.Say`],
    ["a message", "test.echo.v1.Echo"],
    ["a field", "test.echo.v1.Echo.text"],
  ])("answers for %s with its file first and all that it imports", async (_, symbol) => {
    await using node = await startTestNode({ routes, handler: { reflection: true } });
    const names = fileNames(await ask(node.url, { case: "fileContainingSymbol", value: symbol }));
    expect(names[0]).toBe("test/echo/v1/echo.proto");
    expect(names.toSorted()).toEqual([
      "buf/validate/validate.proto",
      "google/protobuf/descriptor.proto",
      "google/protobuf/duration.proto",
      "google/protobuf/field_mask.proto",
      "google/protobuf/timestamp.proto",
      "parley/policy/v1/policy.proto",
      "test/echo/v1/echo.proto",
    ]);
  });

  test("answers for a file name, an enum value and extensions", async () => {
    await using node = await startTestNode({ routes, handler: { reflection: true } });
    const policyFile = "parley/policy/v1/policy.proto";
    const enumValue = "parley.policy.v1.AUTH_LEVEL_PUBLIC";
    expect(fileNames(await ask(node.url, { case: "fileByFilename", value: policyFile }))[0]).toBe(policyFile);
    expect(fileNames(await ask(node.url, { case: "fileContainingSymbol", value: enumValue }))[0]).toBe(
      policyFile,
    );
    const containingType = "google.protobuf.MethodOptions";
    const numbers = await ask(node.url, { case: "allExtensionNumbersOfType", value: containingType });
    expect(numbers.value).toMatchObject({ extensionNumber: [50701] });
    const value = {
      $typeName: "grpc.reflection.v1.ExtensionRequest",
      containingType,
      extensionNumber: 50701,
    } as const;
    expect(fileNames(await ask(node.url, { case: "fileContainingExtension", value }))[0]).toBe(policyFile);
  });

  test.each(["fileByFilename", "fileContainingSymbol", "allExtensionNumbersOfType"] as const)(
    "answers %s of something unknown with NOT_FOUND inside the stream",
    async (question) => {
      await using node = await startTestNode({ routes, handler: { reflection: true } });
      const answer = await ask(node.url, { case: question, value: "no.such.thing" });
      expect(answer).toMatchObject({ case: "errorResponse", value: { errorCode: 5 } });
    },
  );

  test("is absent when it is off", async () => {
    await using node = await startTestNode({ routes });
    await expect(ask(node.url, { case: "listServices", value: "" })).rejects.toMatchObject({
      code: Code.Unimplemented,
    });
  });
});

describe("health", () => {
  test("Check and List tell the node and each service, and all are NOT_SERVING while draining", async () => {
    const health = createHealthState([echoName]);
    await using node = await startTestNode({ routes, handler: { health } });
    const client = createClient(Health, transportOf("grpc", node.url));
    expect((await client.check({})).status).toBe(Status.SERVING);
    health.set(echoName, false);
    expect((await client.check({ service: echoName })).status).toBe(Status.NOT_SERVING);
    expect((await client.check({})).status).toBe(Status.SERVING);
    await expect(client.check({ service: "no.Such" })).rejects.toMatchObject({ code: Code.NotFound });
    health.drain();
    health.set(echoName, true);
    const { statuses } = await client.list({});
    expect(Object.entries(statuses).map(([name, { status }]) => [name, status])).toEqual([
      ["", Status.NOT_SERVING],
      [echoName, Status.NOT_SERVING],
    ]);
    expect(node.violations).toEqual([]);
  });

  test("Watch tells the status now and every change, also of services that are not there yet", async () => {
    const health = createHealthState([]);
    await using node = await startTestNode({ routes, handler: { health } });
    const client = createClient(Health, transportOf("grpc", node.url));
    const leaving = new AbortController();
    const watch = client.watch({ service: echoName }, { signal: leaving.signal })[Symbol.asyncIterator]();
    expect((await watch.next()).value?.status).toBe(Status.SERVICE_UNKNOWN);
    health.set(echoName, true);
    expect((await watch.next()).value?.status).toBe(Status.SERVING);
    health.drain();
    expect((await watch.next()).value?.status).toBe(Status.NOT_SERVING);
    leaving.abort();
    await expect(watch.next()).rejects.toMatchObject({ code: Code.Canceled });
  });
});
