import type { Interceptor } from "@connectrpc/connect";
import { callKey } from "./call.ts";
import type { CallStage, ErrorMapper, ThrownIn } from "./error-mapper.ts";
import { mapIterable } from "./mapped-iterable.ts";

/**
 * The outermost interceptor: nothing passes it but statuses of the contract. Errors of a request stream are
 * mapped on the way in, because there they mean that the client sent something malformed; the same code
 * thrown by an implementation would be a bug.
 */
export function errorInterceptor(errors: ErrorMapper, readBytesMax: number): Interceptor {
  return (next) => async (request) => {
    const call = request.contextValues.get(callKey);
    const where = `${request.service.typeName}/${request.method.name}`;
    const statusIn =
      (stage: CallStage) =>
      (thrown: unknown): unknown => {
        const thrownIn: ThrownIn = { stage, signal: request.signal, where, readBytesMax };
        return errors.statusOf(thrown, thrownIn);
      };
    if (call !== undefined) call.stage = "handling";
    const status = statusIn("handling");
    try {
      const response = await next(
        request.stream
          ? { ...request, message: mapIterable(request.message, { error: statusIn("reading") }) }
          : request,
      );
      return response.stream
        ? { ...response, message: mapIterable(response.message, { error: status }) }
        : response;
    } catch (thrown) {
      throw status(thrown);
    }
  };
}
