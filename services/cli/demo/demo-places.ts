import { CommandError } from "../command-error.ts";

/** Who is where. */
export interface DemoPlaces<N extends { readonly name: string } = { readonly name: string }> {
  /** The node that owns the conversation, and is going to be killed. */
  readonly owner: N;
  /** The node that alice attaches to. */
  readonly alice: N;
  readonly bob: N;
}

/**
 * Puts the two people at two nodes that do not own their conversation. `owners`: names of nodes, the first owner first.
 * Throws a CommandError when there are fewer than three nodes, or the owner is none of them.
 */
export function placeDemo<N extends { readonly name: string }>(
  nodes: readonly N[],
  owners: readonly string[],
): DemoPlaces<N> {
  const owner = nodes.find(({ name }) => name === owners[0]);
  const [alice, bob] = nodes.filter((node) => node !== owner);
  if (owner !== undefined && alice !== undefined && bob !== undefined) return { owner, alice, bob };
  throw new CommandError(`${owners[0] ?? "nobody"} owns the conversation, of ${nodes.length} nodes`);
}
