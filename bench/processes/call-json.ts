import type { JsonValue } from "@bufbuild/protobuf";

/** One call of the Connect protocol in JSON. Throws with the answer's text when it is an error. */
export async function callJson(url: string, message: unknown, accessToken?: string): Promise<JsonValue> {
  const answer = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(accessToken === undefined ? {} : { authorization: `Bearer ${accessToken}` }),
    },
    body: JSON.stringify(message),
  });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
  const json: JsonValue = JSON.parse(await answer.text());
  return json;
}
