/** The database that the path of a URL names, `parley` when it names none. The URL may have several hosts. */
export function databaseNameOf(url: string): string {
  const name = /^[^:]+:\/\/[^/?]*\/(?<name>[^?]+)/.exec(url)?.groups?.["name"];
  return name === undefined ? "parley" : decodeURIComponent(name);
}
