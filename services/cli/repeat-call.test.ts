import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { recordingContext } from "./fixtures/test-command.ts";
import { repeatCall } from "./repeat-call.ts";

/** Back-off of nothing, so that the test does not wait. */
function options() {
  const { context, abort } = recordingContext();
  return { ...context, rng: { ...context.rng, fraction: () => 0 }, abort };
}

function overloaded(withDelay: boolean): ConnectError {
  const error = new ConnectError("too much", Code.ResourceExhausted);
  if (withDelay) error.details.push({ desc: RetryInfoSchema, value: { retryDelay: { seconds: 1n } } });
  return error;
}

test.each([
  new ConnectError("away", Code.Unavailable),
  new ConnectError("lost", Code.Aborted),
  overloaded(true),
])("%s is answered by another try, which knows that it is one", async (error) => {
  const attempts: number[] = [];
  const why: string[] = [];
  const onRetry = ({ rawMessage }: ConnectError): void => void why.push(rawMessage);
  const answer = await repeatCall({ ...options(), onRetry }, (attempt) => {
    attempts.push(attempt);
    return attempt < 3 ? Promise.reject(error) : Promise.resolve("done");
  });
  expect([answer, attempts, why]).toEqual(["done", [1, 2, 3], [error.rawMessage, error.rawMessage]]);
});

test.each([new ConnectError("no", Code.NotFound), overloaded(false)])("%s is final", async (error) => {
  let tries = 0;
  const call = (): Promise<never> => {
    tries += 1;
    return Promise.reject(error);
  };
  await expect(repeatCall(options(), call)).rejects.toBe(error);
  expect(tries).toBe(1);
});

test("after the eighth try, or when it was interrupted, the error is the answer", async () => {
  const error = new ConnectError("away", Code.Unavailable);
  let tries = 0;
  const call = (): Promise<never> => {
    tries += 1;
    return Promise.reject(error);
  };
  await expect(repeatCall(options(), call)).rejects.toBe(error);
  expect(tries).toBe(8);
  const interrupted = options();
  interrupted.abort.abort();
  await expect(repeatCall(interrupted, call)).rejects.toBe(error);
  expect(tries).toBe(9);
});
