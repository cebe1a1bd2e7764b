/** The database that the path of a URL names, `parley` when it names none. The URL may have several hosts. */
export function databaseNameOf(url: string): string {
  const name = /^[^:]+:\/\/[^/?]*\/(?<name>[^?]+)/.exec(url)?.groups?.["name"];
  return name === undefined ? "parley" : decodeURIComponent(name);
}

/** The user that a URL names, if it names one. */
export function userOf(url: string): string | undefined {
  const user = /^[^:]+:\/\/(?<user>[^:@/?]+)(?::[^@/?]*)?@/.exec(url)?.groups?.["user"];
  return user === undefined ? undefined : decodeURIComponent(user);
}
