import { create } from "@bufbuild/protobuf";
import { type LocateResponse, LocateResponseSchema } from "../../gen/parley/session/v1/session_service_pb.ts";
import type { SessionRouteDeps } from "./session-route-deps.ts";
import { durationOf } from "./wire-time.ts";

/** How long an answer holds, in milliseconds. */
const locateTtlMs = 60_000;
/** Addresses of an answer; contract. */
const addressesMax = 3;

/** Locate: which node to attach to. A node that is alone names itself. */
export function createLocate({ addresses }: SessionRouteDeps) {
  return (): LocateResponse =>
    create(LocateResponseSchema, {
      addresses: addresses().slice(0, addressesMax),
      timeToLive: durationOf(locateTtlMs),
    });
}
