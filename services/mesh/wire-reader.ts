import { type BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** The three low bits of a tag. Groups are of the past. */
const wireTypes: readonly (WireType | undefined)[] = [
  WireType.Varint,
  WireType.Bit64,
  WireType.LengthDelimited,
  undefined,
  undefined,
  WireType.Bit32,
];

/** Passes over a field that this program does not know. Throws when it is malformed. */
export function skipField(reader: BinaryReader, tag: number): void {
  const wireType = wireTypes[tag & 7];
  if (wireType === undefined) throw new Error(`a field has the tag ${tag}, which no field has`);
  reader.skip(wireType, tag >>> 3);
}

/** Reads the length of a message within another one, and says where it ends. */
export function endOfMessage(reader: BinaryReader): number {
  const length = reader.uint32();
  return reader.pos + length;
}

/** Throws when the last field of a message reached beyond its end. */
export function assertAtEnd(reader: BinaryReader, end: number): void {
  if (reader.pos !== end) throw new Error("a field reaches beyond the end of its message");
}
