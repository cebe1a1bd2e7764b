import type { Socket } from "node:net";

/** How every TLS connection begins: a handshake record. No HTTP begins so. */
export const tlsFirstByte = 0x16;

/** Waits for the first byte of a fresh connection, leaves it there, and calls `seen` once; never when none comes. */
export function peekFirstByte(socket: Socket, seen: (byte: number) => void): void {
  const read = (): void => {
    const chunk: unknown = socket.read();
    if (!(chunk instanceof Buffer)) return;
    socket.off("readable", read);
    socket.unshift(chunk);
    seen(chunk[0] ?? 0);
  };
  socket.on("readable", read);
}
