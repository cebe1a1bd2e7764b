/**
 * Rendezvous hashing (Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998): every node has a
 * score for a topic, and the highest ones own it. Each node computes the same order from the same list, and a node that
 * comes or goes moves only the topics that it wins or had won.
 *
 * The scores must never change: nodes of neighbouring versions have to agree on them.
 */

/** The owners of topics among a fixed set of nodes. */
export interface OwnerRing {
  /** In the order of their ids. */
  readonly nodeIds: readonly string[];
  /**
   * The owners of a topic that count: the first one for which `serves` holds, with all that rank before it, best first.
   * All of them, in order, when it holds for none. Costs one hash of the topic and a few multiplications a node.
   */
  ownersUntil(topic: string, serves: (nodeId: string) => boolean): readonly string[];
  /** The best owner for which `serves` holds; undefined when it holds for none. */
  firstOwner(topic: string, serves?: (nodeId: string) => boolean): string | undefined;
}

/** All nodes, the first owner of the topic first. The order of `nodeIds` does not matter. */
export function rankOwners(topic: string, nodeIds: readonly string[]): readonly string[] {
  return createOwnerRing(nodeIds).ownersUntil(topic, () => false);
}

/** Prepares a set of nodes, so that many topics can be asked for. */
export function createOwnerRing(nodeIds: readonly string[]): OwnerRing {
  // In the order of ids, so that of equal scores the lower id wins everywhere.
  const nodes = [...new Set(nodeIds)].sort(compareText).map((nodeId) => ({ nodeId, hash: hashText(nodeId) }));

  const best = (hash: TextHash, serves: (nodeId: string) => boolean): ScoredNode | undefined => {
    let winner: ScoredNode | undefined;
    for (const node of nodes) {
      if (!serves(node.nodeId)) continue;
      const score = scoreOf(hash, node.hash);
      if (winner === undefined || score > winner.score) winner = { nodeId: node.nodeId, score };
    }
    return winner;
  };

  const ownersUntil = (topic: string, serves: (nodeId: string) => boolean): readonly string[] => {
    const hash = hashText(topic);
    const winner = best(hash, serves);
    const before: ScoredNode[] = [];
    for (const node of nodes) {
      const score = scoreOf(hash, node.hash);
      const isBefore =
        winner === undefined ||
        score > winner.score ||
        (score === winner.score && node.nodeId < winner.nodeId);
      if (isBefore) before.push({ nodeId: node.nodeId, score });
    }
    // The sort is stable, so equal scores stay in the order of ids.
    const order = before.sort((a, b) => b.score - a.score).map(({ nodeId }) => nodeId);
    return winner === undefined ? order : [...order, winner.nodeId];
  };

  return {
    nodeIds: nodes.map(({ nodeId }) => nodeId),
    ownersUntil,
    firstOwner: (topic, serves = always) => best(hashText(topic), serves)?.nodeId,
  };
}

interface ScoredNode {
  readonly nodeId: string;
  readonly score: number;
}

/** Two independent 32-bit hashes of a text. */
interface TextHash {
  readonly a: number;
  readonly b: number;
}

const always = (): boolean => true;

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** MurmurHash3's 32-bit body and finaliser (Appleby) over UTF-16 code units, in two lanes that differ by seed. */
function hashText(text: string): TextHash {
  let a = 0x9747b28c;
  let b = 0x2f0b4c47;
  for (let index = 0; index < text.length; index += 1) {
    let unit = Math.imul(text.charCodeAt(index), 0xcc9e2d51);
    unit = Math.imul((unit << 15) | (unit >>> 17), 0x1b873593);
    a ^= unit;
    a = (Math.imul((a << 13) | (a >>> 19), 5) + 0xe6546b64) | 0;
    b ^= unit;
    b = (Math.imul((b << 11) | (b >>> 21), 9) + 0x38495ab5) | 0;
  }
  return { a: mix32(a ^ text.length), b: mix32(b ^ text.length) };
}

/** A whole number below 2^53: the score of a node for a topic. */
function scoreOf(topic: TextHash, node: TextHash): number {
  const a = mix32(topic.a ^ node.a);
  const b = mix32((topic.b ^ node.b) + a);
  return (mix32(a + b) >>> 11) * 2 ** 32 + (b >>> 0);
}

/** MurmurHash3's finaliser: every bit of the input touches every bit of the output. */
function mix32(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
