import { ErrorReason } from "../../gen/parley/error/v1/error_reason_pb.ts";
import { Fault } from "../kernel/fault.ts";
import { devicesMax, rowRetryDelayMs } from "./limits.ts";

/** Unknown handle or wrong password; nothing tells which. */
export function credentialsWrong(): Fault {
  return new Fault(ErrorReason.CREDENTIALS_WRONG, "the handle is unknown or the password is wrong");
}

/** The caller's device or account is gone although its token was fine a moment ago. */
export function deviceRevoked(): Fault {
  return new Fault(
    ErrorReason.DEVICE_REVOKED,
    "the device was logged out or its account deleted - log in again",
  );
}

export function deviceNotFound(deviceId: string): Fault {
  return new Fault(ErrorReason.DEVICE_NOT_FOUND, "the account has no device with this id", {
    metadata: { device_id: deviceId },
  });
}

export function deviceLimit(): Fault {
  const message = `the account has ${devicesMax} devices and may not have more - revoke one first`;
  return new Fault(ErrorReason.DEVICE_LIMIT, message, { metadata: { limit: String(devicesMax) } });
}

export function handleTaken(handle: string): Fault {
  return new Fault(ErrorReason.HANDLE_TAKEN, "the handle belongs to another account", {
    metadata: { handle },
  });
}

/** Too many others changed one row at the same time; nothing was written. */
export function rowContended(): Fault {
  return new Fault(ErrorReason.OVERLOADED, "the row is being changed too often - try again", {
    metadata: { limit: "row_attempts" },
    retryDelayMs: rowRetryDelayMs,
  });
}
