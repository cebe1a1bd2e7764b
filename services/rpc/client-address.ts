import { isIPv6 } from "node:net";

/**
 * The key under which a client's address is counted: an IPv4 address, or the /64 of an IPv6 one, because one
 * customer usually holds all of a /64. IPv4 mapped into IPv6 counts as IPv4. Unknown addresses share a key.
 */
export function addressKeyOf(remoteAddress: string | undefined): string {
  if (remoteAddress === undefined || remoteAddress === "") return "unknown";
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(remoteAddress)?.[1];
  if (mapped !== undefined) return mapped;
  const bare = remoteAddress.replace(/%.*$/, "");
  return isIPv6(bare) ? `${firstGroups(bare)}::/64` : remoteAddress;
}

/** The first four groups of an IPv6 address, written out without leading zeros. */
function firstGroups(address: string): string {
  const [head = "", tail] = address.split("::");
  const before = head === "" ? [] : head.split(":");
  if (tail === undefined) return normalised(before.slice(0, 4));
  const after = tail === "" ? [] : tail.split(":");
  // A dotted quad at the end stands for two groups.
  const afterCount = after.length + (tail.includes(".") ? 1 : 0);
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - afterCount) }, () => "0");
  return normalised([...before, ...zeros, ...after].slice(0, 4));
}

function normalised(groups: readonly string[]): string {
  return groups.map((group) => Number.parseInt(group, 16).toString(16)).join(":");
}
