import { expect, test } from "vitest";
import { clusterWelcome } from "./cluster-welcome.ts";
import type { NodeView } from "./control-message.ts";

const defaults = { server: "http://127.0.0.1:7080", admin: "http://127.0.0.1:7082" };

function view(number: number, port: number): NodeView {
  const url = (offset: number): string => `http://127.0.0.1:${port + offset}`;
  const mesh = `127.0.0.1:${port + 1}`;
  return { node: `node-${number}`, state: "up", pid: number, public: url(0), mesh, admin: url(2) };
}

function welcome(port: number, data?: string): string[] {
  const nodes = [view(1, port), view(2, port + 10), view(3, port + 20)];
  return clusterWelcome({ version: "0.1.0", startMs: 2_140, store: "sqlite:.parley", nodes, data, defaults });
}

test("each node has a line with its addresses, and the lines to paste are as short as the defaults allow", () => {
  const lines = welcome(7080);
  expect(lines[0]).toBe("Parley 0.1.0: 3 nodes are ready after 2.1 s. Ctrl-C stops them.");
  expect(lines).toContain("  node-2  clients http://127.0.0.1:7090  admin http://127.0.0.1:7092");
  expect(lines.filter((line) => line.includes("npx parley")).map((line) => line.trim())).toEqual([
    "PARLEY_PASSWORD=parley-demo npx parley login alice",
    "PARLEY_PASSWORD=parley-demo npx parley login bob --server http://127.0.0.1:7090",
    'npx parley send --as alice bob "Hello, Bob"',
    "npx parley tail --as bob",
    "npx parley cluster",
    "npx parley dev kill 2",
    "npx parley dev start 2",
    "npx parley dev add",
  ]);
});

test("other ports and another directory are named in them", () => {
  const text = welcome(9000, "/tmp/p").join("\n");
  expect(text).toContain("npx parley login alice --server http://127.0.0.1:9000");
  expect(text).toContain("npx parley cluster --admin http://127.0.0.1:9002");
  expect(text).toContain("npx parley dev add --data /tmp/p");
});
