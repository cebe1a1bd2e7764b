import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import type { DescMethod } from "@bufbuild/protobuf";
import { EnvelopeReader, encodeEnvelope, endOfStreamFlag } from "../harness/envelope.ts";
import { methodPath } from "./methods.ts";
import { type Outcome, outcomeOfConnect, outcomeOfGrpc, plainHttp, success } from "./outcome.ts";

/** The protocols that every case is tried in. */
export const protocols = ["connect+json", "connect+proto", "grpc"] as const;

/** How a call is written on the wire. */
export type Protocol = (typeof protocols)[number];

/** A call, in bytes that need not be a valid request. */
export interface WireCall {
  readonly method: Pick<DescMethod, "methodKind"> & { readonly path: string };
  readonly protocol: Protocol;
  readonly body: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** Leave the request open after the body, as a device on a stream does. */
  readonly keepOpen?: boolean;
}

/** How long an answer may take, in milliseconds; the longest documented wait, for `open`, is 5 s. */
const answerMsMax = 15_000;

/** Speaks to a node over one HTTP/2 connection, without any RPC library in between that would mend the input. */
export class WireClient implements Disposable {
  readonly #session: ClientHttp2Session;

  constructor(url: string) {
    this.#session = connect(url);
    // Whatever breaks the connection also breaks its streams, where it is reported.
    this.#session.on("error", () => undefined);
  }

  /** Makes a call; of a stream that opens, only the first message is read. */
  call(call: WireCall): Promise<Outcome> {
    const stream = this.#session.request({
      ":method": "POST",
      ":path": `/${call.method.path}`,
      "content-type": contentType(call),
      ...(call.protocol === "grpc" ? { te: "trailers" } : { "connect-protocol-version": "1" }),
      ...call.headers,
    });
    const body = isEnveloped(call) ? encodeEnvelope(call.body) : call.body;
    if (call.keepOpen === true) stream.write(body);
    else stream.end(body);
    return this.#answer(stream, call);
  }

  /** Makes a request of plain HTTP and answers its status. */
  status(path: string, headers: Readonly<Record<string, string>>, body?: string): Promise<number> {
    const stream = this.#session.request({ ":path": `/${path}`, ...headers });
    stream.end(body);
    return new Promise((resolve, reject) => {
      stream.setTimeout(answerMsMax, () => reject(new Error(`no answer to ${path}`)));
      stream.once("response", (answer) => resolve(Number(answer[":status"])));
      stream.once("error", reject);
      stream.resume();
    });
  }

  [Symbol.dispose](): void {
    this.#session.destroy();
  }

  #answer(stream: ClientHttp2Stream, call: WireCall): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const reader = new EnvelopeReader();
      const chunks: Buffer[] = [];
      let status = 0;
      let headers: Readonly<Record<string, unknown>> = {};
      const finish = (outcome: Outcome): void => {
        resolve(outcome);
        stream.close(constants.NGHTTP2_CANCEL);
      };
      stream.setTimeout(answerMsMax, () => reject(new Error(`no answer to ${call.method.path}`)));
      stream.on("response", (answer) => {
        status = Number(answer[":status"]);
        headers = answer;
      });
      stream.on("trailers", (trailers) => (headers = { ...headers, ...trailers }));
      stream.on("data", (chunk: Buffer) => {
        if (!isEnveloped(call) || status !== 200) {
          chunks.push(chunk);
          return;
        }
        for (const { flags, data } of reader.push(chunk)) {
          if (call.protocol !== "grpc" && (flags & endOfStreamFlag) !== 0)
            finish(outcomeOfConnect(data, "stream"));
          else if (call.method.methodKind !== "unary") finish(success);
        }
      });
      stream.on("end", () => {
        if (call.protocol === "grpc" && "grpc-status" in headers) return finish(outcomeOfGrpc(headers));
        const body = Buffer.concat(chunks);
        if (call.protocol !== "grpc" && status === 200) return finish(success);
        finish(
          String(headers["content-type"]).includes("json")
            ? outcomeOfConnect(body, "unary")
            : plainHttp(status),
        );
      });
      // A node may answer before it has read all of a body that is too large, and reset the rest: that is no failure.
      stream.on("close", () => reject(new Error(`${call.method.path} was reset without an answer`)));
      stream.on("error", () => undefined);
    });
  }
}

/** A method as the client takes it. */
export function wireMethod(method: DescMethod): WireCall["method"] {
  return { methodKind: method.methodKind, path: methodPath(method) };
}

function isEnveloped({ protocol, method }: WireCall): boolean {
  return protocol === "grpc" || method.methodKind !== "unary";
}

function contentType({ protocol, method }: WireCall): string {
  if (protocol === "grpc") return "application/grpc+proto";
  const format = protocol === "connect+json" ? "json" : "proto";
  return method.methodKind === "unary" ? `application/${format}` : `application/connect+${format}`;
}
