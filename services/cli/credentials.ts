import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";

/** One login of this installation. The refresh token is a secret, hence mode 600 on the file. */
const profileSchema = z.object({
  server: z.string(),
  handle: z.string(),
  accountId: z.string(),
  deviceId: z.string(),
  accessToken: z.string(),
  accessExpireMs: z.number(),
  refreshToken: z.string(),
});

const fileSchema = z.object({
  /** Key of the profile that is used when none is named. */
  current: z.string().optional(),
  profiles: z.record(z.string(), profileSchema),
});

export type Profile = z.infer<typeof profileSchema>;

/** Where logins are kept: `PARLEY_CREDENTIALS`, or a file under the home directory. */
export function credentialsPath(environment: Readonly<Record<string, string | undefined>>): string {
  return environment["PARLEY_CREDENTIALS"] ?? join(homedir(), ".config", "parley", "credentials.json");
}

/** The logins of one file, read at each use so that commands running side by side see one another's tokens. */
export interface Credentials {
  /** The profile of `handle` at `server`; where they are not given, the current one or else the last login that fits. */
  find(handle: string | undefined, server: string | undefined): Promise<Profile | undefined>;
  /** Adds or replaces a profile, and makes it the current one if asked. */
  save(profile: Profile, makeCurrent: boolean): Promise<void>;
  /** Where this device keeps what it holds of its conversations. */
  positionsPath(profile: Profile): string;
}

export function openCredentials(path: string): Credentials {
  async function read(): Promise<z.infer<typeof fileSchema>> {
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return '{"profiles":{}}';
      throw error;
    });
    return fileSchema.parse(JSON.parse(text));
  }

  return {
    find: async (handle, server) => {
      const file = await read();
      const fits = (profile: Profile): boolean =>
        (handle === undefined || profile.handle === handle) &&
        (server === undefined || profile.server === server);
      const current = file.current === undefined ? undefined : file.profiles[file.current];
      if (current !== undefined && fits(current)) return current;
      return Object.values(file.profiles).findLast(fits);
    },
    save: async (profile, makeCurrent) => {
      const file = await read();
      const key = `${profile.handle}@${profile.server}`;
      const current = makeCurrent ? key : file.current;
      const { [key]: before, ...others } = file.profiles;
      // In the order of the logins: exchanged tokens change nothing about it.
      const profiles = makeCurrent || before === undefined ? others : file.profiles;
      await writePrivateFile(
        path,
        JSON.stringify({ current, profiles: { ...profiles, [key]: profile } }, undefined, 2),
      );
    },
    positionsPath: (profile) => join(dirname(path), `positions-${profile.deviceId}.json`),
  };
}

/** Replaces a file as a whole, readable by its owner only: a crash leaves the old one or the new one. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}.draft`;
  await writeFile(draft, `${text}\n`, { mode: 0o600 });
  await chmod(draft, 0o600);
  await rename(draft, path);
}
