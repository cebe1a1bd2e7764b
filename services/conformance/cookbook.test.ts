import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import { goToolDirectory } from "../testkit/go-tools.ts";
import { grpcurl } from "./go-tools.ts";
import { loadFlags } from "./harness/load-flags.ts";
import { startParley } from "./harness/parley-process.ts";
import { suiteNeeds } from "./tools.ts";

const repository = fileURLToPath(new URL("../../", import.meta.url));
const blocks = cookbookBlocks(readFileSync(join(repository, "proto/README.md"), "utf8"));

/** The longest that the whole session may take, in milliseconds. */
const sessionMsMax = 45_000;

/** What each block must print, in order; a new block needs a line here. */
const expectations: readonly RegExp[] = [
  /"handle":\s*"erin"/,
  /^$/,
  /"position":.*"seq":\s*"1"/,
  /"text":\s*"Hello, Bob"/,
  /"text":\s*"Hello, Bob"/,
  /CONVERSATION_NOT_FOUND/,
  /"text":\s*"Hello, Bob"/,
  /"conversationId":\s*"d-/,
  /"deviceId"/,
  /parley\.session\.v1\.SessionService[\s\S]*message ClientFrame[\s\S]*SERVING[\s\S]*"conversationId"/,
  /"caughtUp": true/,
];

/** The shell blocks of the section "Cookbook", as they stand. */
function cookbookBlocks(markdown: string): string[] {
  const section = markdown.slice(markdown.indexOf("\n## Cookbook\n"));
  return [...section.matchAll(/^```sh\n(?<text>[\s\S]*?)^```$/gm)].map(
    (match) => match.groups?.["text"] ?? "",
  );
}

interface BlockRun {
  readonly status: number;
  readonly output: string;
}

/** Runs all blocks in one shell, as a person who pastes them would, and keeps what each printed. */
async function runBlocks(server: string): Promise<BlockRun[]> {
  const results = mkdtempSync(join(tmpdir(), "parley-cookbook-"));
  const resultOf = (index: number, kind: string): string => join(results, `${index}.${kind}`);
  const script = blocks.map((text, index) => {
    const ids = `REQUEST_ID=${randomUUID()} MESSAGE_ID=${randomUUID()}`;
    return `${ids}\n{\n${text}} >${resultOf(index, "output")} 2>&1\necho $? >${resultOf(index, "status")}\n`;
  });
  const path = [join(repository, "node_modules/.bin"), goToolDirectory(grpcurl), process.env["PATH"]];
  const environment = { HOME: process.env["HOME"], SERVER: server, HOST: server.replace("http://", "") };
  try {
    await promisify(execFile)("bash", ["-c", script.join("")], {
      env: { PATH: path.join(delimiter), ...environment },
      timeout: sessionMsMax,
    });
    return blocks.map((_, index) => ({
      status: Number(readFileSync(resultOf(index, "status"), "utf8")),
      output: readFileSync(resultOf(index, "output"), "utf8").trim(),
    }));
  } finally {
    rmSync(results, { recursive: true, force: true });
  }
}

test("the cookbook has blocks, and each has an expectation", () => {
  expect(blocks.length).toBe(expectations.length);
});

suiteNeeds(["bash", "curl", grpcurl.name])("the cookbook of proto/README.md", () => {
  let runs: readonly BlockRun[] = [];

  beforeAll(async () => {
    await using node = await startParley({ flags: loadFlags });
    runs = await runBlocks(node.publicUrl);
  }, 60_000);

  const cases = blocks.map((text, index) => ({ index, firstLine: text.split("\n", 1)[0], text }));
  test.each(cases)("block $index works when it is pasted: $firstLine", ({ index }) => {
    expect(runs[index]?.output).toMatch(expectations[index] ?? /$^/);
    expect(runs[index]?.status).toBe(0);
  });
});
