import { cors } from "@connectrpc/connect";
import type { NodeServerRequest, NodeServerResponse } from "./node-exchange.ts";
import { requestIdHeader } from "./request-id.ts";

/** Seconds for which a browser may keep the answer to a preflight; Chromium's own maximum. */
const preflightSecondsMax = 7200;

const allowedHeaders = [
  ...cors.allowedHeaders,
  "authorization",
  requestIdHeader,
  "traceparent",
  "tracestate",
];
const exposedHeaders = [...cors.exposedHeaders, requestIdHeader];

/** What a request of a browser may do here. */
export interface CrossOrigin {
  /** Adds the headers that let a page of an allowed origin read the response. True: it was a preflight, answered. */
  handle(request: NodeServerRequest, response: NodeServerResponse): boolean;
}

/** Creates the CORS rules for pages of `origins` (`https://app.example`; `*` for any). Cookies play no role. */
export function createCrossOrigin(origins: readonly string[]): CrossOrigin {
  const allowed = new Set(origins);
  return {
    handle: (request, response) => {
      const origin = request.headers.origin;
      if (origin === undefined) return false;
      response.setHeader("vary", "origin");
      const welcome = allowed.has("*") || allowed.has(origin);
      if (welcome) {
        response.setHeader("access-control-allow-origin", origin);
        response.setHeader("access-control-expose-headers", exposedHeaders.join(", "));
      }
      const preflight =
        request.method === "OPTIONS" && request.headers["access-control-request-method"] !== undefined;
      if (!preflight) return false;
      if (welcome) {
        response.setHeader("access-control-allow-methods", cors.allowedMethods.join(", "));
        response.setHeader("access-control-allow-headers", allowedHeaders.join(", "));
        response.setHeader("access-control-max-age", String(preflightSecondsMax));
      }
      response.writeHead(welcome ? 204 : 403);
      response.end();
      return true;
    },
  };
}
