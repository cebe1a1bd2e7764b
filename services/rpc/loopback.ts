/** Whether only this machine reaches that address: 127.0.0.0/8, ::1 and their name. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}
