import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The parts of a .cpuprofile (Chrome DevTools Protocol, Profiler.Profile) that are read here. */
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly children?: readonly number[];
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

/** Time that a function, or everything in a folder, ran itself. */
export interface SelfTime {
  readonly name: string;
  /** Of the thread's time that was not idle. */
  readonly share: number;
}

/** Where one thread spent its time. */
export interface ThreadProfile {
  readonly file: string;
  readonly busySeconds: number;
  readonly folders: readonly SelfTime[];
  readonly functions: readonly SelfTime[];
  /** Files of ours, with the time of the libraries that they called. */
  readonly files: readonly SelfTime[];
}

/** Reads all profiles of a directory, the busiest thread first. */
export function summarizeProfiles(directory: string): ThreadProfile[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith(".cpuprofile"))
    .map((file) => summarize(file, parseProfile(readFileSync(join(directory, file), "utf8"))))
    .sort((one, two) => two.busySeconds - one.busySeconds);
}

/** The summary as text for people. */
export function describeProfile({ file, busySeconds, folders, functions, files }: ThreadProfile): string {
  return [
    `${file}: busy for ${busySeconds.toFixed(1)} s`,
    `by folder:\n${linesOf(folders)}`,
    `by function:\n${linesOf(functions)}`,
    `by file of ours, what it calls in libraries included:\n${linesOf(files)}`,
  ].join("\n");
}

function linesOf(times: readonly SelfTime[]): string {
  return times.map(({ name, share }) => `  ${(share * 100).toFixed(1).padStart(5)} %  ${name}`).join("\n");
}

function parseProfile(text: string): Profile {
  // Written by Node itself, in a format that it documents.
  const profile: Profile = JSON.parse(text);
  return profile;
}

function summarize(file: string, profile: Profile): ThreadProfile {
  const places = placesOf(profile);
  const [folders, functions, files] = [new Tally(), new Tally(), new Tally()];
  let busy = 0;
  for (const [index, sample] of profile.samples.entries()) {
    const place = places.get(sample);
    // A sample stands for the time until the next one.
    const microseconds = profile.timeDeltas[index + 1] ?? 0;
    if (place === undefined || place.name === "(idle) ") continue;
    busy += microseconds;
    folders.add(place.folder, microseconds);
    functions.add(place.name, microseconds);
    files.add(place.ours, microseconds);
  }
  return {
    file,
    busySeconds: busy / 1e6,
    folders: folders.largest(busy, 14),
    functions: functions.largest(busy, 25),
    files: files.largest(busy, 30),
  };
}

/** Where a sample was taken, and which file of ours is the nearest on its stack. */
interface Place {
  readonly name: string;
  readonly folder: string;
  readonly ours: string;
}

function placesOf(profile: Profile): Map<number, Place> {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const places = new Map<number, Place>();
  const visit = (id: number, above: string): void => {
    const node = nodes.get(id);
    if (node === undefined) return;
    const { functionName, url } = node.callFrame;
    const place = placeOf(url);
    const ours = /^(?:services|gen|bench)\//.test(place) ? place : above;
    places.set(id, {
      name: `${functionName || "(anonymous)"} ${place}`,
      folder: folderOf(url, functionName),
      ours,
    });
    for (const child of node.children ?? []) visit(child, ours);
  };
  const root = profile.nodes[0];
  if (root !== undefined) visit(root.id, "(none)");
  return places;
}

/** Microseconds by name. */
class Tally {
  readonly #times = new Map<string, number>();

  add(name: string, microseconds: number): void {
    this.#times.set(name, (this.#times.get(name) ?? 0) + microseconds);
  }

  largest(total: number, count: number): SelfTime[] {
    return [...this.#times]
      .map(([name, microseconds]) => ({ name, share: microseconds / total }))
      .sort((one, two) => two.share - one.share)
      .slice(0, count);
  }
}

/** `services/rpc`, `node_modules/@bufbuild/protobuf`, `node:internal/http2`, or what the engine calls it. */
function folderOf(url: string, functionName: string): string {
  if (url === "") return functionName.startsWith("(") ? functionName : "(native)";
  if (url.startsWith("node:")) return url.split("/").slice(0, 2).join("/");
  const [, own] = /\/((?:services|gen|bench)(?:\/[\w-]+)?)\//.exec(url) ?? [];
  const [, dependency] = /.*\/(node_modules\/(?:@[^/]+\/)?[^/]+)/.exec(url) ?? [];
  return dependency ?? own ?? url;
}

function placeOf(url: string): string {
  return url.replace(/^.*\/(?=services\/|gen\/|bench\/|node_modules\/)/, "");
}
