import { sleep } from "../../kernel/clock.ts";
import type { SeededRng } from "../seeded-rng.ts";
import type { SimClient, SimCluster } from "./sim-cluster.ts";

/** How groups live. */
export interface SimGroupsOptions {
  /** Between two changes of one group, at most, in virtual milliseconds. */
  readonly changeMsMax: number;
  readonly isOver: () => boolean;
}

/** Groups whose members come and go. */
export class SimGroups {
  /** Groups that are there, for people to write to. */
  readonly written: string[] = [];
  /** These, and those of which nobody knows whether they are there. */
  readonly known: string[] = [];
  readonly #cluster: SimCluster;
  readonly #rng: SeededRng;
  readonly #changeMsMax: number;
  readonly #isOver: () => boolean;

  constructor(cluster: SimCluster, rng: SeededRng, { changeMsMax, isOver }: SimGroupsOptions) {
    this.#cluster = cluster;
    this.#rng = rng;
    this.#changeMsMax = changeMsMax;
    this.#isOver = isOver;
  }

  /** Begins a group of some of the accounts after a while, whose owner changes it now and then. */
  start(delayMs: number, accountIds: readonly string[]): void {
    const owner = this.#rng.pick(this.#cluster.clients);
    const members = accountIds.filter((id) => id === owner.person.accountId || this.#rng.fraction() < 0.6);
    this.#cluster.scheduler.after(delayMs, "group", () => void this.#live(owner, { members, accountIds }));
  }

  async #live(
    owner: SimClient,
    { members, accountIds }: { readonly members: readonly string[]; readonly accountIds: readonly string[] },
  ): Promise<void> {
    const { person } = owner;
    const { id, created } = person.createGroup(members);
    this.known.push(id);
    await created;
    this.written.push(id);
    const process = owner.host.process;
    if (process === undefined) return;
    for (;;) {
      await sleep(process.clock, process.rng.fraction() * this.#changeMsMax);
      if (this.#isOver()) return;
      await this.#change(owner, id, accountIds);
    }
  }

  /** Whether an account is a member the owner does not know: what cannot be done is rejected. */
  async #change({ person }: SimClient, id: string, accountIds: readonly string[]): Promise<void> {
    const accountId = this.#rng.pick(accountIds);
    const choice = this.#rng.fraction();
    if (choice < 0.45) await person.addMember(id, accountId);
    else if (choice < 0.9) {
      if (accountId !== person.accountId) await person.removeMember(id, accountId);
    } else {
      const leaver = this.#cluster.clients.find(({ person: one }) => one.accountId === accountId);
      if (accountId !== person.accountId) await leaver?.person.leaveGroup(id);
    }
  }
}
