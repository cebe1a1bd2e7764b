/** What the doctor takes from a node's metrics. Unset: the page does not say. */
export interface NodeGauges {
  readonly coordinatorAvailable: boolean | undefined;
  readonly storeAway: boolean | undefined;
  readonly certificates: readonly CertificateEnd[];
}

/** When the certificate of a port ends, in milliseconds since 1970. */
export interface CertificateEnd {
  readonly port: string;
  readonly untilMs: number;
}

/** How much of a page is read, in bytes; what comes later is left out. A node's page has about 50 KiB. */
export const pageBytesMax = 1_048_576;

/** A line of the text format: a name, labels in braces, a value, and maybe a time, which nodes do not give. */
const samplePattern = /^(?<name>[a-zA-Z_:][\w:]*)(?:\{(?<labels>.*)\})? (?<value>\S+)(?: -?\d+)?$/;

/** Reads the gauges from a page in the text format of Prometheus. Lines that are none of it are passed over. */
export function parseGauges(page: string): NodeGauges {
  let coordinatorAvailable: boolean | undefined;
  let storeAway: boolean | undefined;
  const certificates: CertificateEnd[] = [];
  for (const line of page.split("\n")) {
    const { name, labels = "", value } = samplePattern.exec(line)?.groups ?? {};
    const number = Number(value);
    if (name === undefined || !Number.isFinite(number)) continue;
    if (name === "parley_coordinator_available") coordinatorAvailable = number !== 0;
    if (name === "parley_store_away") storeAway = number !== 0;
    if (name === "parley_certificate_expiry_timestamp_seconds") {
      const port = /\bport="(?<port>[^"]*)"/.exec(labels)?.groups?.["port"] ?? "";
      certificates.push({ port, untilMs: number * 1_000 });
    }
  }
  return { coordinatorAvailable, storeAway, certificates };
}

/** The beginning of an answer's body, `pageBytesMax` at most. Rejects when the body breaks off. */
export async function readPage(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let left = pageBytesMax;
  // Leaving the loop early cancels the rest.
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk.subarray(0, left), { stream: true });
    left -= chunk.length;
    if (left <= 0) {
      // The last line may be cut within a number.
      return text.slice(0, text.lastIndexOf("\n") + 1);
    }
  }
  return text + decoder.decode();
}
