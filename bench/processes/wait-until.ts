/** Looks every few milliseconds whether something is so. Throws an error naming `what` after so many milliseconds. */
export async function waitUntil(
  what: string,
  condition: () => boolean | Promise<boolean>,
  msMax: number,
  everyMs = 2,
): Promise<void> {
  const deadlineMs = performance.now() + msMax;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`waited ${msMax} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
