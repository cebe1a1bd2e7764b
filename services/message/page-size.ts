/** The size of a page that a request gets: `default` for 0, and at most `max`. */
export function pageSizeOf(asked: number, sizes: { readonly default: number; readonly max: number }): number {
  return asked === 0 ? sizes.default : Math.min(asked, sizes.max);
}
