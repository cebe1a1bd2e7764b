import { BoundedMap } from "../kernel/bounded-map.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Counter, Metrics } from "../kernel/metrics.ts";
import type { RefusedPeer } from "../rpc/mutual-tls.ts";
import { certificateUri } from "./node-certificate.ts";

/** One who is refused again and again has a line this often, in milliseconds. */
export const refusedQuietMs = 60_000;

/** Addresses whose last line is remembered; beyond that the one of longest ago has one too early. */
const addressesMax = 1_000;

/** Characters of a URI that somebody shows. Ours are shorter. */
const uriCharactersMax = 200;

/** A connection that was not made, and by which side. */
export interface PeerRefusal {
  readonly refusal: RefusedPeer;
  /** Whether the other side had dialled this one, or was dialled. */
  readonly side: "accepted" | "dialled";
  /** Of the other side, without the port when it has dialled. */
  readonly address: string;
  /** The node that this one meant to dial. */
  readonly nodeId?: string;
}

/** Tells of those who were turned away from the mesh: all by a metric, each a minute by a line. */
export class RefusedPeers {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #refused: Counter;
  readonly #told = new BoundedMap<string, number>({ limit: addressesMax });

  constructor(options: { readonly clock: Clock; readonly logger: Logger; readonly metrics: Metrics }) {
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#refused = options.metrics.counter(
      "mesh_peers_refused_total",
      "Connections of the mesh that were refused before a link, by who had dialled and why",
      ["side", "reason"],
    );
  }

  note({ refusal, side, address, nodeId }: PeerRefusal): void {
    const { reason, message, certificate } = refusal;
    this.#refused.add(1, { side, reason });
    const key = `${side} ${reason} ${address}`;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - (this.#told.get(key) ?? Number.NEGATIVE_INFINITY) < refusedQuietMs) return;
    this.#told.set(key, nowMs);
    const shown = certificate && certificateUri(certificate)?.slice(0, uriCharactersMax);
    // A handshake that breaks off may be a look whether the port is open.
    const level = reason === "handshake" ? "info" : "warn";
    const fields = { side, address, nodeId, shown, reason: message };
    this.#logger[level]("a connection of the mesh is refused", fields);
  }
}
