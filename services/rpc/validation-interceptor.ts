import type { Interceptor } from "@connectrpc/connect";
import { mapIterable } from "./mapped-iterable.ts";
import type { ValidateMessage } from "./message-validator.ts";

/**
 * Refuses requests that break a rule of their schema. Messages of client streams are left to their domain:
 * there a violation must fail one message, not the stream.
 */
export function validationInterceptor(validate: ValidateMessage): Interceptor {
  return (next) => async (request) => {
    const schema = request.method.input;
    if (!request.stream) {
      validate(schema, request.message);
      return next(request);
    }
    if (request.method.methodKind !== "server_streaming") return next(request);
    const message = mapIterable(request.message, {
      value: (value) => validate(schema, value),
      error: (thrown) => thrown,
    });
    return next({ ...request, message });
  };
}
