import { type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { ConnectRouter } from "@connectrpc/connect";
import { file_google_rpc_error_details as errorDetails } from "../../gen/google/rpc/error_details_pb.ts";
import { ServerReflection as ServerReflectionV1 } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionV1Alpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";

/** The number of NOT_FOUND in google.rpc.Code, as reflection's own error message wants it. */
const notFoundCode = 5;

/** A question in the shape that v1 and v1alpha share. */
interface ReflectionRequest {
  readonly messageRequest:
    | {
        readonly case: "fileByFilename" | "fileContainingSymbol" | "allExtensionNumbersOfType";
        readonly value: string;
      }
    | { readonly case: "listServices"; readonly value: string }
    | {
        readonly case: "fileContainingExtension";
        readonly value: { readonly containingType: string; readonly extensionNumber: number };
      }
    | { readonly case: undefined; readonly value?: undefined };
}

type ReflectionAnswer =
  | { case: "fileDescriptorResponse"; value: { fileDescriptorProto: Uint8Array[] } }
  | { case: "allExtensionNumbersResponse"; value: { baseTypeName: string; extensionNumber: number[] } }
  | { case: "listServicesResponse"; value: { service: { name: string }[] } }
  | { case: "errorResponse"; value: { errorCode: number; errorMessage: string } };

/** Registers reflection v1 and v1alpha, which tell about `services`, the details of errors and themselves. */
export function reflectionRoutes(services: readonly DescService[]): (router: ConnectRouter) => void {
  const told = [...services, ServerReflectionV1, ServerReflectionV1Alpha];
  const answer = createAnswer(told);
  const answerAll = async function* <T extends ReflectionRequest & { host: string }>(
    requests: AsyncIterable<T>,
  ) {
    for await (const request of requests) {
      const messageResponse = answer(request);
      yield { validHost: request.host, messageResponse };
    }
  };
  return (router) => {
    router.service(ServerReflectionV1, { serverReflectionInfo: answerAll });
    router.service(ServerReflectionV1Alpha, { serverReflectionInfo: answerAll });
  };
}

function createAnswer(services: readonly DescService[]): (request: ReflectionRequest) => ReflectionAnswer {
  const index = indexFiles(services);
  return ({ messageRequest }) => {
    switch (messageRequest.case) {
      case "listServices":
        return {
          case: "listServicesResponse",
          value: { service: services.map((service) => ({ name: service.typeName })) },
        };
      case "fileByFilename":
        return fileAnswer(index.files.get(messageRequest.value), messageRequest.value);
      case "fileContainingSymbol":
        return fileAnswer(index.symbols.get(messageRequest.value), messageRequest.value);
      case "fileContainingExtension": {
        const { containingType, extensionNumber } = messageRequest.value;
        const file = index.extensions.get(containingType)?.get(extensionNumber);
        return fileAnswer(file, `${containingType} ${extensionNumber}`);
      }
      case "allExtensionNumbersOfType": {
        const baseTypeName = messageRequest.value;
        const numbers = index.extensions.get(baseTypeName);
        if (numbers === undefined && !index.symbols.has(baseTypeName)) return notFound(baseTypeName);
        const extensionNumber = [...(numbers?.keys() ?? [])].toSorted((a, b) => a - b);
        return { case: "allExtensionNumbersResponse", value: { baseTypeName, extensionNumber } };
      }
      case undefined:
      default:
        return notFound("an empty request");
    }
  };
}

interface FileIndex {
  readonly files: ReadonlyMap<string, DescFile>;
  readonly symbols: ReadonlyMap<string, DescFile>;
  readonly extensions: ReadonlyMap<string, ReadonlyMap<number, DescFile>>;
}

function indexFiles(services: readonly DescService[]): FileIndex {
  const files = new Map<string, DescFile>();
  const symbols = new Map<string, DescFile>();
  const extensions = new Map<string, Map<number, DescFile>>();
  // No service names what errors carry; whoever shows an error wants to read it.
  for (const told of [...services.map(({ file }) => file), errorDetails])
    for (const file of closure(told)) files.set(file.proto.name, file);
  for (const file of files.values()) {
    for (const type of nestedTypes(file)) {
      symbols.set(type.typeName, file);
      if (type.kind === "service") {
        for (const method of type.methods) symbols.set(`${type.typeName}.${method.name}`, file);
      } else if (type.kind === "message") {
        for (const field of type.fields) symbols.set(`${type.typeName}.${field.name}`, file);
      } else if (type.kind === "enum") {
        // By protobuf's scoping, an enum's values are its siblings.
        const scope = type.typeName.slice(0, -type.name.length);
        for (const value of type.values) symbols.set(`${scope}${value.name}`, file);
      } else {
        const numbers = extensions.get(type.extendee.typeName) ?? new Map<number, DescFile>();
        extensions.set(type.extendee.typeName, numbers.set(type.number, file));
      }
    }
  }
  return { files, symbols, extensions };
}

/** The file and all that it imports, directly or not; each once, imports first. */
function closure(file: DescFile, seen: Set<DescFile> = new Set()): Set<DescFile> {
  for (const dependency of file.dependencies) if (!seen.has(dependency)) closure(dependency, seen);
  return seen.add(file);
}

function fileAnswer(file: DescFile | undefined, what: string): ReflectionAnswer {
  if (file === undefined) return notFound(what);
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto: encodedClosure(file) } };
}

/** Clients expect the file asked for first. */
function encodedClosure(file: DescFile): Uint8Array[] {
  return [...closure(file)].toReversed().map((each) => toBinary(FileDescriptorProtoSchema, each.proto));
}

function notFound(what: string): ReflectionAnswer {
  return { case: "errorResponse", value: { errorCode: notFoundCode, errorMessage: `not found: ${what}` } };
}
