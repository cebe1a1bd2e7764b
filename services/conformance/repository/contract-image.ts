import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import {
  createFileRegistry,
  type DescMessage,
  type DescService,
  type FileRegistry,
  fromBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { repositoryRoot } from "./source-files.ts";

/** The image with which the contract is compared until there is a release; see docs/adr. */
export const baselinePath = `${repositoryRoot}proto/baseline.binpb`;

/** The descriptors of `proto/` as it stands, compiled by buf. */
export function currentContract(): FileRegistry {
  const buf = `${repositoryRoot}node_modules/.bin/buf`;
  return readContract(
    execFileSync(buf, ["build", "-o", "-"], { cwd: repositoryRoot, maxBuffer: 2 ** 28, timeout: 60_000 }),
  );
}

/** The descriptors of the baseline, or undefined while there is none. */
export function baselineContract(): FileRegistry | undefined {
  return existsSync(baselinePath) ? readContract(readFileSync(baselinePath)) : undefined;
}

/** Reads an image of buf, which is a FileDescriptorSet with notes that do not matter here. */
export function readContract(image: Uint8Array): FileRegistry {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, image));
}

/** The messages of our own packages, nested ones included. */
export function ownMessages(contract: FileRegistry): DescMessage[] {
  return [...contract]
    .filter((type) => type.kind === "message")
    .filter((type) => type.typeName.startsWith("parley."));
}

/** The services of our own packages. */
export function ownServices(contract: FileRegistry): DescService[] {
  return [...contract]
    .filter((type) => type.kind === "service")
    .filter((type) => type.typeName.startsWith("parley."));
}
