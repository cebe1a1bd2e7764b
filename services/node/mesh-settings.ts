import { isLoopback } from "../rpc/loopback.ts";

/** The settings that say how nodes reach one another, and by what they know one another. */
export interface MeshSettings {
  readonly "cluster.name": string;
  readonly "mesh.host": string;
  readonly "mesh.advertise"?: string | undefined;
  readonly "mesh.certificateFile"?: string | undefined;
  readonly "mesh.keyFile"?: string | undefined;
  readonly "mesh.authorityFile"?: string | undefined;
}

/** The files of the mesh; undefined when it is cleartext. */
export function meshCertificatePaths(settings: MeshSettings) {
  const { "mesh.certificateFile": cert, "mesh.keyFile": key, "mesh.authorityFile": authority } = settings;
  if (cert === undefined || key === undefined || authority === undefined) return undefined;
  return { cert, key, authority };
}

/** What is wrong with the settings together. */
export function meshProblem(settings: MeshSettings): string | undefined {
  const { "mesh.host": host, "mesh.advertise": advertise } = settings;
  const names = ["mesh.certificateFile", "mesh.keyFile", "mesh.authorityFile"] as const;
  const missing = names.filter((name) => settings[name] === undefined);
  if (missing.length === 1 || missing.length === 2)
    return `${names.join(", ")} belong together: ${missing.join(" and ")} must be set, too`;
  if (missing.length > 0 && !isLoopback(host)) {
    return `mesh.host ${host} is not a loopback address, where the mesh must not be cleartext: set ${names.join(", ")} (\`parley cert\` makes them), or keep it on 127.0.0.1 or ::1`;
  }
  if (advertise === undefined && ["0.0.0.0", "::"].includes(host))
    return `mesh.advertise must be set where mesh.host is ${host}: other nodes cannot dial that`;
  return undefined;
}
