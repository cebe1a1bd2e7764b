import type { Socket } from "node:net";
import { peekFirstByte, tlsFirstByte } from "../rpc/first-byte.ts";
import { createMutualTls, type MutualTls, type MutualTlsMaterial, RefusedPeer } from "../rpc/mutual-tls.ts";
import { linkLimits } from "./link-limits.ts";
import type { NodeName } from "./node-certificate.ts";
import { assertNode, assertOwnCluster } from "./peer-check.ts";
import type { RefusedPeers } from "./refused-peers.ts";

/** A node's certificate and whom it names. */
export interface MeshIdentity {
  readonly self: NodeName;
  readonly material: MutualTlsMaterial;
}

/** What becomes of connections between nodes before anything is said on them. */
export interface MeshSecurity {
  /** Takes a connection that another side has dialled, and hands it on when it may be used. */
  accept(socket: Socket): void;
  /** Secures a connection to that node. Rejects when it cannot be; undefined where nothing is secured. */
  readonly secure: ((socket: Socket, nodeId: string) => Promise<Socket>) | undefined;
  /** New connections are made with this; those that are there stay. Throws when it cannot be used; then nothing changes. */
  use(material: MutualTlsMaterial): void;
}

/** Both kinds of security. `accepted` gets the connections that may be used. */
export interface MeshSecurityOptions {
  readonly accepted: (socket: Socket) => void;
  readonly refused: RefusedPeers;
}

/** Nothing is encrypted, and nobody has to say who they are; TLS is turned away, with a line that says so. */
export function cleartextMesh({ accepted, refused }: MeshSecurityOptions): MeshSecurity {
  return {
    accept: (socket) => {
      peekFirstByte(socket, (byte) => {
        if (byte !== tlsFirstByte) {
          accepted(socket);
          return;
        }
        const refusal = new RefusedPeer("tls", "it speaks TLS, and this node has no mesh.certificateFile");
        refused.note({ refusal, side: "accepted", address: addressOf(socket) });
        socket.destroy();
      });
    },
    secure: undefined,
    use: () => {
      throw new Error("this mesh is cleartext");
    },
  };
}

/** TLS with a certificate at both ends, each of which names a node of this cluster. Throws when the material is unusable. */
export function securedMesh(identity: MeshIdentity, options: MeshSecurityOptions): MeshSecurity {
  const { self, material } = identity;
  const { accepted, refused } = options;
  const mutual = createMutualTls({
    material,
    handshakeMsMax: linkLimits.welcomeMsMax,
    onAccepted: (connection) => {
      assertOwnCluster(connection, self);
      accepted(connection.socket);
    },
    onRefused: (refusal, socket) => refused.note({ refusal, side: "accepted", address: addressOf(socket) }),
  });
  const dialler = new Dialler(mutual, self, refused);
  return {
    accept: (socket) => mutual.accept(socket),
    secure: (socket, nodeId) => dialler.secure(socket, nodeId),
    use: (renewed) => mutual.use(renewed),
  };
}

class Dialler {
  readonly #mutual: MutualTls;
  readonly #self: NodeName;
  readonly #refused: RefusedPeers;

  constructor(mutual: MutualTls, self: NodeName, refused: RefusedPeers) {
    this.#mutual = mutual;
    this.#self = self;
    this.#refused = refused;
  }

  async secure(socket: Socket, nodeId: string): Promise<Socket> {
    const address = `${addressOf(socket)}:${socket.remotePort ?? 0}`;
    try {
      const connection = await this.#mutual.connect(socket);
      assertNode(connection, this.#self, nodeId);
      return connection.socket;
    } catch (thrown) {
      socket.destroy();
      // A handshake that broke off is an outage like any other, of which the link tells.
      if (thrown instanceof RefusedPeer && thrown.reason !== "handshake")
        this.#refused.note({ refusal: thrown, side: "dialled", address, nodeId });
      throw thrown;
    }
  }
}

function addressOf({ remoteAddress }: Socket): string {
  return remoteAddress ?? "unknown";
}
