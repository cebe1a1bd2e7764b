import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { CommandContext, PersonOptions } from "../command-context.ts";
import { connect, defaultServer, serverOf } from "../command-context.ts";
import { CommandError, commandErrorOf } from "../command-error.ts";
import { credentialsPath, openCredentials } from "../credentials.ts";
import { exitCodes } from "../exit-codes.ts";
import { publicAccountClient } from "../server-connection.ts";

export interface LoginOptions extends PersonOptions {
  readonly device?: string;
}

/** `parley login HANDLE`: logs this installation in, under the device id that it had before unless that is unknown there, and keeps the tokens. */
export async function login(context: CommandContext, handle: string, options: LoginOptions): Promise<void> {
  const server = serverOf(context, options) ?? defaultServer;
  const credentials = openCredentials(credentialsPath(context.environment));
  const password = { text: await readPassword(context) };
  const earlier = await credentials.find(handle, server);
  const deviceName = options.device ?? "parley command";
  const logInAs = (deviceId: string) =>
    publicAccountClient(server)
      .login({ handle, password, deviceId, deviceName })
      .catch((error: unknown) => {
        throw commandErrorOf(error, server);
      });
  const answer = await logInAs(earlier?.deviceId ?? "").catch((error: unknown) => {
    // Another store is served there by now, and this installation is new to it.
    if (error instanceof CommandError && error.reason === "DEVICE_NOT_FOUND") return logInAs("");
    throw error;
  });
  const { account, tokens, deviceId } = answer;
  if (account === undefined || tokens?.accessExpireTime === undefined) {
    throw new CommandError(`${server} answered without an account or tokens: is it a Parley node?`);
  }
  const { accessToken, refreshToken } = tokens;
  const accessExpireMs = timestampMs(tokens.accessExpireTime);
  const { accountId } = account;
  await credentials.save(
    { server, handle, accountId, deviceId, accessToken, accessExpireMs, refreshToken },
    true,
  );
  if (options.json) context.print(JSON.stringify({ server, handle, accountId, deviceId }));
  else context.print(`logged in at ${server} as ${handle} (account ${accountId}, device ${deviceId})`);
}

/** From PARLEY_PASSWORD, or standard input; never from the arguments, which other users of the machine can see. */
export async function readPassword(context: CommandContext): Promise<string> {
  const fromEnvironment = context.environment["PARLEY_PASSWORD"];
  if (fromEnvironment !== undefined) return fromEnvironment;
  context.notice("password (from standard input, or set PARLEY_PASSWORD):");
  const [line = ""] = (await context.readInput()).split("\n");
  if (line === "")
    throw new CommandError(
      "no password given: set PARLEY_PASSWORD or write it to standard input",
      exitCodes.usage,
    );
  return line.replace(/\r$/, "");
}

/** `parley token`: prints an access token that is good for a minute at least. */
export async function token(context: CommandContext, options: PersonOptions): Promise<void> {
  const connection = await connect(context, options);
  context.print(await connection.accessToken());
}
