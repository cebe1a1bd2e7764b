import type { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import type { Clock, Timer } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Counter, Gauge, Metrics } from "../kernel/metrics.ts";
import { thrownError } from "../kernel/thrown-error.ts";
import { validityOf } from "../rpc/certificates.ts";
import type { MutualTlsMaterial } from "../rpc/mutual-tls.ts";

/** The files are looked at this often, in milliseconds. */
export const certificatePollMs = 5_000;

const dayMs = 86_400_000;

/** A certificate that ends sooner is worth a warning at the start and once a day, in days. */
export const expiryWarnDays = 14;

/** Where a certificate is, with what belongs to it. */
export interface CertificatePaths {
  readonly cert: string;
  readonly key: string;
  readonly authority?: string;
}

/** Which files, and what they are for. */
export interface CertificateFilesOptions {
  /** Of logs and metrics: the port that shows the certificate. */
  readonly port: "mesh" | "tls";
  readonly paths: CertificatePaths;
  /** Answers the chain of the certificate; throws a sentence when the files cannot be used together. */
  readonly check: (texts: MutualTlsMaterial) => readonly X509Certificate[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * A certificate in files, which may be replaced while the node runs, one after the other: what does not fit together is not
 * taken, and what was read before stays in use. The contents are compared, not times, because links to files are switched too.
 */
export class CertificateFiles {
  readonly #options: CertificateFilesOptions;
  readonly #expiry: Gauge;
  readonly #reloads: Counter;
  #current: MutualTlsMaterial;
  #chain: readonly X509Certificate[];
  /** Why what lies there was refused last; told once. */
  #refusedFor: string | undefined;
  #warnedAtMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #stopped = false;

  /** Reads the files. Rejects, with a sentence that names the port, when they cannot be used. */
  static async open(options: CertificateFilesOptions): Promise<CertificateFiles> {
    try {
      const texts = await readTexts(options.paths);
      return new CertificateFiles(options, texts, options.check(texts));
    } catch (thrown) {
      const { message } = thrownError(thrown);
      throw new Error(`the certificate of the ${options.port} port: ${message}`, { cause: thrown });
    }
  }

  private constructor(
    options: CertificateFilesOptions,
    texts: MutualTlsMaterial,
    chain: readonly X509Certificate[],
  ) {
    this.#options = options;
    this.#current = texts;
    this.#chain = chain;
    const { metrics } = options;
    this.#expiry = metrics.gauge(
      "certificate_expiry_timestamp_seconds",
      "When the certificate that a port shows ends, in seconds since 1970",
      ["port"],
    );
    this.#reloads = metrics.counter(
      "certificate_reloads_total",
      "Changes of the certificate files that were taken, or refused because they do not fit together",
      ["port", "outcome"],
    );
    this.#tellExpiry();
  }

  get current(): MutualTlsMaterial {
    return this.#current;
  }

  /** Looks at the files from now on. `use` takes what has changed; it may throw when it cannot be used. */
  start(use: (texts: MutualTlsMaterial) => void): void {
    const look = async (): Promise<void> => {
      await this.#look(use);
      if (!this.#stopped) this.#timer = this.#options.clock.after(certificatePollMs, () => void look());
    };
    this.#timer = this.#options.clock.after(certificatePollMs, () => void look());
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** Never rejects. */
  async #look(use: (texts: MutualTlsMaterial) => void): Promise<void> {
    try {
      const texts = await readTexts(this.#options.paths);
      if (!isDeepStrictEqual(texts, this.#current)) this.#change(texts, use);
      this.#refusedFor = undefined;
    } catch (thrown) {
      this.#refused(thrownError(thrown).message);
    } finally {
      this.#tellExpiry();
    }
  }

  #change(texts: MutualTlsMaterial, use: (texts: MutualTlsMaterial) => void): void {
    const chain = this.#options.check(texts);
    this.#assertValidNow(chain);
    use(texts);
    this.#taken(texts, chain);
  }

  #assertValidNow(chain: readonly X509Certificate[]): void {
    const { fromMs, untilMs } = validityOf(chain);
    const nowMs = this.#options.clock.wallMs();
    if (nowMs < fromMs) throw new Error(`it is not valid before ${new Date(fromMs).toISOString()}`);
    if (nowMs > untilMs) throw new Error(`it has ended at ${new Date(untilMs).toISOString()}`);
  }

  #taken(texts: MutualTlsMaterial, chain: readonly X509Certificate[]): void {
    const { logger, port } = this.#options;
    this.#current = texts;
    this.#chain = chain;
    this.#warnedAtMs = Number.NEGATIVE_INFINITY;
    this.#reloads.add(1, { port, outcome: "taken" });
    const until = new Date(validityOf(chain).untilMs).toISOString();
    logger.info("new connections get the new certificate", { port, until });
  }

  #refused(reason: string): void {
    if (reason === this.#refusedFor) return;
    this.#refusedFor = reason;
    const { logger, port } = this.#options;
    this.#reloads.add(1, { port, outcome: "refused" });
    logger.warn("changed certificate files cannot be used: the certificate from before stays", {
      port,
      reason,
    });
  }

  #tellExpiry(): void {
    const { clock, logger, port } = this.#options;
    const { fromMs, untilMs } = validityOf(this.#chain);
    this.#expiry.set(untilMs / 1_000, { port });
    const nowMs = clock.wallMs();
    const daysLeft = Math.floor((untilMs - nowMs) / dayMs);
    const isValid = nowMs >= fromMs && nowMs <= untilMs;
    if (isValid && daysLeft >= expiryWarnDays) return;
    if (clock.monotonicMs() - this.#warnedAtMs < dayMs) return;
    this.#warnedAtMs = clock.monotonicMs();
    const fields = {
      port,
      daysLeft,
      from: new Date(fromMs).toISOString(),
      until: new Date(untilMs).toISOString(),
    };
    if (isValid) logger.warn("the certificate of a port ends soon: renew it", fields);
    else logger.error("the certificate of a port is not valid: others refuse it", fields);
  }
}

/** Without a path for it, `authority` is empty. */
async function readTexts({ cert, key, authority }: CertificatePaths): Promise<MutualTlsMaterial> {
  const read = (path: string | undefined) => (path === undefined ? "" : readFile(path, "utf8"));
  return { cert: await read(cert), key: await read(key), authority: await read(authority) };
}
