import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { NodeTraceSchema } from "../../../gen/parley/admin/v1/explanation_pb.ts";
import { NodeSchema } from "../../../gen/parley/admin/v1/node_pb.ts";
import { type TraceQuery, TraceQuerySchema } from "../../../gen/parley/mesh/v1/trace_pb.ts";
import type { Domains } from "../domains.ts";
import { type AdminDeps, adminCalls } from "./admin-deps.ts";
import { answeringNode } from "./node-status.ts";
import { nodeTrace } from "./node-trace.ts";

/** Who has to know of a drain that an operator asked for. */
export interface DrainObserver {
  readonly drained: () => void;
  readonly undrained: () => void;
}

const done = new Uint8Array();

/** What operators may look at and change, over a node's domains; from now on it answers for other nodes, too. */
export function administrationOf({ core, accounts }: Domains, observer: DrainObserver): AdminDeps {
  const { mesh, epoch, router, sessions, traces, messages } = core;
  const status = () =>
    answeringNode(mesh.self(), {
      attachedDevices: sessions.registry.attached,
      topicsOwned: router.topicsOwned(),
      links: mesh.links.status(),
      storeEpoch: epoch.current(),
    });
  const traceOf = (query: TraceQuery) =>
    nodeTrace(mesh.self().nodeId, traces.find(query), sessions.registry.devicesOf(query.accountId));
  mesh.answer(adminCalls.status, async () => toBinary(NodeSchema, status()));
  mesh.answer(adminCalls.drain, async () => {
    observer.drained();
    // It goes on for as long as a drain may take; the caller only wants to know that it has begun.
    void core.drain();
    return done;
  });
  mesh.answer(adminCalls.undrain, async () => {
    core.undrain();
    observer.undrained();
    return done;
  });
  mesh.answer(adminCalls.trace, async (_from, { body }) =>
    toBinary(NodeTraceSchema, traceOf(fromBinary(TraceQuerySchema, body))),
  );
  const ownersOf = (topic: string) => router.ownersOf(topic);
  return { mesh, status, ownersOf, accounts: accounts.deps.accounts, messages, traceOf };
}
