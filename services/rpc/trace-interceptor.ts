import { type ContextKey, createContextKey, type Interceptor } from "@connectrpc/connect";
import {
  type Attributes,
  context as otel,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { type Call, type CallObserver, callKey } from "./call.ts";

/** Where a call's span stands among its context values, for domains that add children. */
export const spanKey: ContextKey<Span | undefined> = createContextKey<Span | undefined>(undefined, {
  description: "span",
});

/** Spans of calls: started by the interceptor, ended by the observer, which also sees how the call ended. */
export interface CallTracing {
  readonly interceptor: Interceptor;
  readonly observer: CallObserver;
}

/**
 * Creates tracing over the OpenTelemetry API, which does nothing until the process registers an SDK. The
 * parent comes from the request's headers by the registered propagator (W3C `traceparent`).
 */
export function createCallTracing(tracer: Tracer = trace.getTracer("parley.rpc")): CallTracing {
  const spans = new WeakMap<Call, Span>();
  const interceptor: Interceptor = (next) => (request) => {
    const call = request.contextValues.get(callKey);
    const parent = propagation.extract(otel.active(), request.header, {
      get: (header, name) => header.get(name) ?? undefined,
      keys: (header) => [...header.keys()],
    });
    const name = `${request.service.typeName}/${request.method.name}`;
    const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes: attributesOf(call) }, parent);
    if (call !== undefined) spans.set(call, span);
    request.contextValues.set(spanKey, span);
    return otel.with(trace.setSpan(parent, span), () => next(request));
  };
  const observer: CallObserver = (call, outcome) => {
    const span = spans.get(call);
    if (span === undefined) return;
    span.setAttribute("rpc.code", outcome.code);
    if (outcome.error !== undefined) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: outcome.reason });
    }
    span.end();
  };
  return { interceptor, observer };
}

function attributesOf(call: Call | undefined): Attributes {
  if (call === undefined) return {};
  return { "rpc.system": call.protocol, "parley.request_id": call.requestId };
}
