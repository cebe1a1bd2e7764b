import type { Rng } from "../kernel/rng.ts";

/** The header that carries a request id both ways. */
export const requestIdHeader = "x-request-id";

/** The id that the client sent, when it is 8 to 64 harmless characters, else a new one. */
export function requestIdOf(header: Headers, rng: Rng): string {
  const sent = header.get(requestIdHeader);
  return sent !== null && /^[\w.:-]{8,64}$/.test(sent) ? sent : rng.uuid();
}
