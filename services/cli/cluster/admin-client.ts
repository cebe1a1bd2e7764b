import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { AdminService } from "../../../gen/parley/admin/v1/admin_service_pb.ts";
import { commandErrorOf } from "../command-error.ts";

/** The longest that a node may take to answer, in milliseconds; it waits for others itself for 2 s. */
export const adminCallMsMax = 5_000;

/** Calls to the admin listener of a node, by its base URL. */
export function adminClient(adminUrl: string): Client<typeof AdminService> {
  const transport = createConnectTransport({
    baseUrl: adminUrl,
    httpVersion: "1.1",
    useHttpGet: false,
    defaultTimeoutMs: adminCallMsMax,
  });
  return createClient(AdminService, transport);
}

/** Makes a call, or throws a CommandError that says where nobody answered. */
export async function askAdmin<T>(
  adminUrl: string,
  call: (client: Client<typeof AdminService>) => Promise<T>,
): Promise<T> {
  try {
    return await call(adminClient(adminUrl));
  } catch (error) {
    throw commandErrorOf(error, adminUrl);
  }
}
