import type { Timer } from "../kernel/clock.ts";

/** Where an attached session stands. */
export type SessionState =
  /** `opened` was sent, more positions are to come. */
  | { readonly kind: "positions" }
  /** The feed is opening. */
  | { readonly kind: "opening" }
  | { readonly kind: "open"; caughtUp: boolean }
  /** Takes no more frames; the last one of its own may still wait for the next Poll. */
  | { readonly kind: "closing"; readonly linger: Timer | undefined }
  | { readonly kind: "closed" };
