/** What a node may be asked to do. `worker` has nothing to do yet. */
export type NodeRole = "session" | "owner" | "worker";

export const nodeRoles: readonly NodeRole[] = ["session", "owner", "worker"];

/** What a node tells the others about itself, by way of the coordinator. */
export interface NodeRecord {
  /** Stable over restarts; at most 64 characters of a-z, 0-9, `.`, `_` and `-`. */
  readonly nodeId: string;
  /** New at each registration. */
  readonly incarnation: string;
  /** Where other nodes reach it: `host:port`. */
  readonly meshAddress: string;
  /** Base URLs for clients, best first. */
  readonly publicUrls: readonly string[];
  /** Base URL of its admin listener. */
  readonly adminUrl: string;
  readonly roles: readonly NodeRole[];
  /** The link protocols that it speaks, both inclusive. */
  readonly protocolMin: number;
  readonly protocolMax: number;
  /** Of the program, for people. */
  readonly version: string;
  /** It takes no new clients and owns nothing. */
  readonly draining: boolean;
  /** Attached devices as a part of what it takes at most: 0 to 1, in steps of 0.01 so that it changes seldom. */
  readonly load: number;
}

/** Characters of a record as `formatNodeRecord` writes it. A longer one is refused, written or read. */
export const nodeRecordCharactersMax = 8_192;

/** Writes a record as JSON, with its fields in one order: equal records give equal texts. Throws when it is too long. */
export function formatNodeRecord(record: NodeRecord): string {
  const { nodeId, incarnation, meshAddress, publicUrls, adminUrl, roles } = record;
  const { protocolMin, protocolMax, version, draining, load } = record;
  const front = { nodeId, incarnation, meshAddress, publicUrls, adminUrl, roles };
  const text = JSON.stringify({ ...front, protocolMin, protocolMax, version, draining, load });
  assertLength(text);
  return text;
}

/**
 * Reads what `formatNodeRecord` wrote. Throws an error that names the field when one is missing or out of its range. Unknown
 * fields and unknown roles are left out, because newer nodes may have them.
 */
export function parseNodeRecord(text: string): NodeRecord {
  assertLength(text);
  const fields = new RecordFields(JSON.parse(text));
  const record = {
    nodeId: fields.text("nodeId", /^[a-z0-9._-]{1,64}$/),
    incarnation: fields.text("incarnation", /^[\w-]{1,64}$/),
    meshAddress: fields.text("meshAddress", /^\S+:\d{1,5}$/),
    publicUrls: fields.texts("publicUrls"),
    adminUrl: fields.text("adminUrl", /^/),
    roles: nodeRoles.filter((role) => fields.texts("roles").includes(role)),
    protocolMin: fields.number("protocolMin", { min: 0, max: 2 ** 31 }),
    protocolMax: fields.number("protocolMax", { min: 0, max: 2 ** 31 }),
    version: fields.text("version", /^/),
    draining: fields.boolean("draining"),
    load: fields.number("load", { min: 0, max: 1 }),
  };
  if (record.protocolMin > record.protocolMax) throw fields.problem("protocolMin", "is above protocolMax");
  return record;
}

function assertLength(text: string): void {
  if (text.length <= nodeRecordCharactersMax) return;
  throw new Error(`a node's record has ${text.length} characters, at most ${nodeRecordCharactersMax}`);
}

/** The fields of an object of unknown origin, each by its type. All methods throw when the field is not like that. */
class RecordFields {
  readonly #fields: ReadonlyMap<string, unknown>;

  constructor(parsed: unknown) {
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
      throw new Error("a node's record is no JSON object");
    this.#fields = new Map(Object.entries(parsed));
  }

  text(name: string, pattern: RegExp): string {
    const value = this.#fields.get(name);
    if (typeof value !== "string" || !pattern.test(value))
      throw this.problem(name, `does not match ${pattern}`);
    return value;
  }

  texts(name: string): readonly string[] {
    const value = this.#fields.get(name);
    if (!Array.isArray(value) || !value.every((item) => typeof item === "string"))
      throw this.problem(name, "is no list of texts");
    return value;
  }

  number(name: string, range: { readonly min: number; readonly max: number }): number {
    const value = this.#fields.get(name);
    if (typeof value !== "number" || !(value >= range.min && value <= range.max))
      throw this.problem(name, `is no number from ${range.min} to ${range.max}`);
    return value;
  }

  boolean(name: string): boolean {
    const value = this.#fields.get(name);
    if (typeof value !== "boolean") throw this.problem(name, "is neither true nor false");
    return value;
  }

  problem(name: string, what: string): Error {
    const value = JSON.stringify(this.#fields.get(name))?.slice(0, 80) ?? "(missing)";
    return new Error(`field ${name} of a node's record ${what}: ${value}`);
  }
}
