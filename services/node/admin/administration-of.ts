import { toBinary } from "@bufbuild/protobuf";
import { NodeSchema } from "../../../gen/parley/admin/v1/node_pb.ts";
import type { NodeCore } from "../node-core.ts";
import { type AdminDeps, adminCalls } from "./admin-deps.ts";
import { answeringNode } from "./node-status.ts";

/** Who has to know of a drain that an operator asked for. */
export interface DrainObserver {
  readonly drained: () => void;
  readonly undrained: () => void;
}

const done = new Uint8Array();

/** What operators may look at and change, over a node's core; from now on it answers for other nodes, too. */
export function administrationOf(core: NodeCore, observer: DrainObserver): AdminDeps {
  const { mesh, router, sessions } = core;
  const status = () =>
    answeringNode(mesh.self(), {
      attachedDevices: sessions.registry.attached,
      topicsOwned: router.topicsOwned(),
      links: mesh.links.status(),
    });
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
  return { mesh, status, ownersOf: (topic) => router.ownersOf(topic) };
}
