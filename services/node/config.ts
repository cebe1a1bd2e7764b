import { z } from "zod";
import { RateClass } from "../../gen/parley/policy/v1/policy_pb.ts";
import { type PasswordCost, passwordCostDefault } from "../account/password-hash.ts";
import type { Config } from "../kernel/config-parse.ts";
import { type ConfigOf, type ConfigTable, configTable } from "../kernel/config-table.ts";
import { clusterNamePattern } from "../mesh/node-certificate.ts";
import type { RateTable } from "../rpc/rate-limits.ts";
import { backendProblem, coordinatorUrlPattern, storeUrlPattern } from "./backend-urls.ts";
import { meshProblem } from "./mesh-settings.ts";
import { traceStepsMaxDefault } from "./traces/entry-traces.ts";

const port = z.int().min(0).max(65_535);
const host = z.string().min(1).max(255);
const rate = z.number().min(0.01).max(1_000_000);
const burst = z.int().min(1).max(1_000_000);

/** Short enough for a session's id to carry it. */
export const nodeIdPattern = /^[a-z0-9._-]{1,40}$/;

/** Every setting of a node. Flags, environment names, the config file and docs/configuration.md come from here. */
export const nodeConfigTable = configTable(
  {
    "store.url": {
      type: z.string().regex(storeUrlPattern, "must be sqlite:DIRECTORY or mongodb://HOSTS/DATABASE"),
      default: "sqlite:.parley",
      description:
        "Where everything durable is kept: `sqlite:` and a directory, which is made when it is missing; or the URL of a MongoDB replica set, `mongodb://user@host1,host2,host3/database` with options of its driver such as `?replicaSet=rs0&tls=true`, or `mongodb+srv://`. Without a database it is `parley`.",
    },
    "store.password": {
      type: z.string().min(1).max(1_024).optional(),
      secret: true,
      description: "Password of the user that the URL of a MongoDB names.",
    },
    "store.allowUnsafe": {
      type: z.boolean(),
      default: false,
      description:
        "Take a MongoDB in which a majority is a single server, so that its disk's loss loses acknowledged messages. For development.",
    },
    "coordinator.url": {
      type: z
        .string()
        .regex(coordinatorUrlPattern, "must be sqlite:DIRECTORY or etcd://HOSTS/PREFIX")
        .optional(),
      description:
        "How nodes find one another: `sqlite:` and a directory that they share; or the URL of an etcd cluster, `etcd://user@host1:2379,host2:2379,host3:2379/prefix`, with TLS `etcds://…?cacert=FILE&cert=FILE&key=FILE`. Without a prefix it is `/parley`. Unset: the directory of the store; with MongoDB it must be set.",
    },
    "coordinator.password": {
      type: z.string().min(1).max(1_024).optional(),
      secret: true,
      description: "Password of the user that the URL of an etcd names.",
    },
    "node.id": {
      type: z
        .string()
        .regex(nodeIdPattern, "must be 1 to 40 characters of a-z, 0-9, dot, underscore and hyphen")
        .optional(),
      description:
        "This node's name among the others; it keeps it over restarts, and no other node has it. Unset: made from the host's name and mesh.port.",
    },
    "node.roles": {
      type: z.array(z.enum(["session", "owner", "worker"])).min(1),
      default: ["session", "owner", "worker"],
      description:
        "What this node does: `session` takes clients' streams, `owner` appends to conversations, `worker` has nothing to do yet.",
    },
    "mesh.host": {
      type: host,
      default: "127.0.0.1",
      description:
        "Address of the listener for other nodes. Without mesh.certificateFile it has no encryption and no authentication, so it must be a loopback address then.",
    },
    "mesh.port": {
      type: port,
      default: 7081,
      description: "Port of the listener for other nodes; 0 takes any free one.",
    },
    "mesh.advertise": {
      type: z
        .string()
        .regex(/^\S+:\d{1,5}$/, "must be HOST:PORT")
        .optional(),
      description: "Where other nodes reach this one. Unset: mesh.host and the port of the listener.",
    },
    "mesh.certificateFile": {
      type: z.string().min(1).optional(),
      description:
        "PEM file with this node's certificate, and those between it and the authority: all links are TLS 1.3 then, with a certificate at both ends. It names cluster and node by the URI `spiffe://CLUSTER/node/NODE_ID`; `parley cert` makes one. This file, the next two and those of the TLS listener are read again every 5 s.",
    },
    "mesh.keyFile": {
      type: z.string().min(1).optional(),
      description: "PEM file with the private key of mesh.certificateFile.",
    },
    "mesh.authorityFile": {
      type: z.string().min(1).optional(),
      description:
        "PEM file with the certificates of the authorities whose nodes are taken; no others are. Two while one takes the other's place.",
    },
    "cluster.name": {
      type: z
        .string()
        .regex(clusterNamePattern, "must be 1 to 64 characters of a-z, 0-9, dot, underscore and hyphen"),
      default: "parley",
      description: "What the certificates of the mesh call this cluster. Nodes of another one are refused.",
    },
    "public.host": {
      type: host,
      default: "127.0.0.1",
      description: "Address of the cleartext listener for clients.",
    },
    "public.port": {
      type: port,
      default: 7080,
      description: "Port of the cleartext listener for clients; 0 takes any free one.",
    },
    "public.url": {
      type: z
        .url({ protocol: /^https?$/ })
        .max(256)
        .optional(),
      description:
        "Base URL under which clients reach this node, as Locate names it. Unset: made from the listener.",
    },
    "tls.port": {
      type: port,
      default: 7443,
      description:
        "Port of the TLS listener for clients, on public.host; opened when a certificate is configured.",
    },
    "tls.certificateFile": {
      type: z.string().min(1).optional(),
      description: "PEM file with the certificate chain of the TLS listener.",
    },
    "tls.keyFile": {
      type: z.string().min(1).optional(),
      description: "PEM file with the private key of the TLS listener.",
    },
    "admin.host": {
      type: host,
      default: "127.0.0.1",
      description: "Address of the admin listener (/metrics, /healthz, /readyz). It has no authentication.",
    },
    "admin.port": {
      type: port,
      default: 7082,
      description: "Port of the admin listener; 0 takes any free one.",
    },
    "cors.origins": {
      type: z.array(z.string().min(1)).max(100),
      default: [],
      description:
        "Origins of web pages that may call this node, for example https://app.example. `*` allows all.",
    },
    "reflection.enabled": {
      type: z.boolean(),
      default: false,
      devDefault: true,
      description: "Answer gRPC reflection, so that grpcurl and buf curl need no protos.",
    },
    "registration.open": {
      type: z.boolean(),
      default: false,
      devDefault: true,
      description:
        "Let anybody make an account by Register. Closed: accounts come from `parley user add` and `import`.",
    },
    "token.issuer": {
      type: z.string().min(1).max(256),
      default: "parley",
      description: "The `iss` of access tokens.",
    },
    "token.audience": {
      type: z.string().min(1).max(256),
      default: "parley",
      description: "The `aud` of access tokens.",
    },
    "password.memoryKib": {
      type: z.int().min(8).max(1_048_576),
      default: 19_456,
      unit: "KiB",
      description:
        "Memory that hashing one password takes (Argon2id, two passes). Less than the default is for tests: `parley serve` refuses it.",
    },
    "session.devicesMax": {
      type: z.int().min(1).max(1_000_000),
      default: 20_000,
      description: "Devices that may be attached to this node at once.",
    },
    "session.devicesPerAccountMax": {
      type: z.int().min(1).max(1_000),
      default: 10,
      description: "Devices of one account that may be attached at once; the one attached longest ago goes.",
    },
    "session.attachesPerSecond": {
      type: z.number().min(1).max(100_000),
      default: 500,
      unit: "per second",
      description: "New streams that this node admits; what comes faster is told when to come again.",
    },
    "message.groupMembersMax": {
      type: z.int().min(2).max(5_000),
      default: 5_000,
      description: "Members that a group may have.",
    },
    "message.groupsPerAccountMax": {
      type: z.int().min(1).max(10_000),
      default: 10_000,
      description: "Groups that an account may be a member of.",
    },
    "explain.stepsMax": {
      type: z.int().min(1_000).max(1_000_000),
      default: traceStepsMaxDefault,
      description:
        "Steps of messages on their way that this node remembers for `parley explain`, in memory, 50 bytes and more each; older ones are forgotten. A message takes about three, and two more for each device that gets it.",
    },
    "rate.readPerSecond": {
      type: rate,
      default: 50,
      unit: "per second",
      description: "Reads of one account.",
    },
    "rate.readBurst": { type: burst, default: 200, description: "Reads of one account at once." },
    "rate.writePerSecond": {
      type: rate,
      default: 10,
      unit: "per second",
      description: "Changes of one account.",
    },
    "rate.writeBurst": { type: burst, default: 50, description: "Changes of one account at once." },
    "rate.sendPerSecond": {
      type: rate,
      default: 50,
      unit: "per second",
      description: "Unary sends of one account.",
    },
    "rate.sendBurst": { type: burst, default: 200, description: "Unary sends of one account at once." },
    "rate.streamPerSecond": {
      type: rate,
      default: 20,
      unit: "per second",
      description: "Session calls of one account.",
    },
    "rate.streamBurst": { type: burst, default: 100, description: "Session calls of one account at once." },
    "rate.secretPerSecond": {
      type: rate,
      default: 1,
      unit: "per second",
      description: "Calls with a secret of one account.",
    },
    "rate.secretBurst": {
      type: burst,
      default: 20,
      description: "Calls with a secret of one account at once.",
    },
    "rate.searchPerSecond": {
      type: rate,
      default: 2,
      unit: "per second",
      description: "Searches of one account.",
    },
    "rate.searchBurst": { type: burst, default: 20, description: "Searches of one account at once." },
    "rate.addressFactor": {
      type: z.number().min(1).max(100_000),
      default: 5,
      description: "One network address may do this many times what one account may.",
    },
    "drain.deadlineMs": {
      type: z.int().min(100).max(600_000),
      default: 10_000,
      unit: "ms",
      description: "How long SIGTERM lets devices be told and work be finished.",
    },
    "log.level": {
      type: z.enum(["debug", "info", "warn", "error"]),
      default: "info",
      devDefault: "warn",
      description: "The least important lines that are written; every call is one of level info.",
    },
    "log.format": {
      type: z.enum(["json", "text"]),
      default: "json",
      devDefault: "text",
      description: "One JSON object per line, or lines for people.",
    },
  },
  {
    relations: [
      backendProblem,
      (values) =>
        (values["tls.certificateFile"] === undefined) === (values["tls.keyFile"] === undefined)
          ? undefined
          : "tls.certificateFile and tls.keyFile belong together: set both or neither",
      meshProblem,
    ],
    // These mean something to the command, not to a node.
    otherEnvironment: ["PARLEY_CONFIG", "PARLEY_CREDENTIALS", "PARLEY_PASSWORD", "PARLEY_SERVER"],
  },
);

/** The settings of one node, parsed and checked. */
export type NodeConfig = ConfigOf<typeof nodeConfigTable>;

type Settings = typeof nodeConfigTable extends ConfigTable<infer S> ? S : never;

/** The settings with the source of each. */
export type ParsedNodeConfig = Config<Settings>;

/** The rates of all classes, for rpc. */
export function rateTable(config: NodeConfig): RateTable {
  const factor = config["rate.addressFactor"];
  const scoped = (perSecond: number, burstMax: number) => ({
    account: { perSecond, burst: burstMax },
    device: { perSecond, burst: burstMax },
    address: { perSecond: perSecond * factor, burst: Math.ceil(burstMax * factor) },
  });
  return new Map([
    [RateClass.READ, scoped(config["rate.readPerSecond"], config["rate.readBurst"])],
    [RateClass.WRITE, scoped(config["rate.writePerSecond"], config["rate.writeBurst"])],
    [RateClass.SEND, scoped(config["rate.sendPerSecond"], config["rate.sendBurst"])],
    [RateClass.STREAM, scoped(config["rate.streamPerSecond"], config["rate.streamBurst"])],
    [RateClass.SECRET, scoped(config["rate.secretPerSecond"], config["rate.secretBurst"])],
    [RateClass.SEARCH, scoped(config["rate.searchPerSecond"], config["rate.searchBurst"])],
  ]);
}

/** What hashing a password costs here. */
export function passwordCost(config: NodeConfig): PasswordCost {
  return { ...passwordCostDefault, memoryKib: config["password.memoryKib"] };
}
