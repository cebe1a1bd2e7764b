import type { User } from "../harness/user.ts";
import type { NodeCluster } from "./node-cluster.ts";

/** One device at several nodes: where it is, and where it turns to next. */
export class RoamingUser {
  /** At the node where it logged in, whose answers are the same device's at each node. */
  readonly user: User;
  readonly #places: readonly { readonly nodeId: string; readonly user: User }[];
  #index: number;
  #hasAttached = false;

  /** `home`: which node it is at first, by its index. */
  constructor(user: User, cluster: NodeCluster, home: number) {
    this.user = user;
    this.#places = cluster.nodes.map(({ nodeId, process }) => ({ nodeId, user: user.at(process.publicUrl) }));
    this.#index = home;
  }

  /** The node that it is attached to, was last, or tries now. */
  get nodeId(): string {
    return this.#places[this.#index]?.nodeId ?? "";
  }

  /**
   * Where to open its next stream: at home first, where it was told to go, and at the next node whenever a stream has
   * ended otherwise.
   */
  nextPlace(address?: string): User {
    const told = this.#places.findIndex(({ user }) => user.server === address);
    if (told >= 0) this.#index = told;
    else if (this.#hasAttached) this.#index = (this.#index + 1) % this.#places.length;
    this.#hasAttached = true;
    return this.at(0);
  }

  /** The tries of one unary call, counted from 1: where it is attached now, then at one node after the other. */
  placesOfTries(): (attempt: number) => User {
    const first = this.#index;
    return (attempt) => this.at(first - this.#index + attempt - 1);
  }

  /** The device at the node that stands so many places after the one that it is at. */
  at(offset: number): User {
    const count = this.#places.length;
    return this.#places[(((this.#index + offset) % count) + count) % count]?.user ?? this.user;
  }
}
