import { describe, expect, test } from "vitest";
import type { FrameStream } from "../../mesh/transport.ts";
import { seededRng } from "../seeded-rng.ts";
import { SimHost } from "./sim-host.ts";
import { type NetworkPlan, SimNetwork } from "./sim-network.ts";
import { SimScheduler } from "./sim-scheduler.ts";

const quick = { minMs: 1, maxMs: 3, tailRate: 0, tailMs: 0 };

class Stage {
  readonly scheduler: SimScheduler;
  readonly network: SimNetwork;
  readonly a: SimHost;
  readonly b: SimHost;
  readonly heard: string[] = [];
  readonly accepted: FrameStream[] = [];

  constructor(plan: Partial<NetworkPlan> = {}, seed = 1) {
    const rng = seededRng(seed);
    this.scheduler = new SimScheduler(rng.fork());
    this.network = new SimNetwork(this.scheduler, rng.fork(), {
      delay: quick,
      streamBytesMax: 1_000,
      breakRate: 0,
      ...plan,
    });
    this.a = new SimHost(this.scheduler, "a", rng.fork());
    this.b = new SimHost(this.scheduler, "b", rng.fork());
  }

  /** Boots both, `b` listening. */
  async open(): Promise<FrameStream> {
    this.a.boot();
    await this.listen();
    return this.dial();
  }

  async listen(): Promise<void> {
    const endpoint = this.network.endpoint(this.b.boot(), 7081);
    await endpoint.listen((stream) => {
      this.accepted.push(stream);
      this.follow("b", stream);
    });
  }

  async dial(address = "b:7081"): Promise<FrameStream> {
    const { process } = this.a;
    if (process === undefined) throw new Error("a is down");
    const stream = this.network.endpoint(process, 7081).dial(address);
    this.follow("a", stream);
    await this.pass(10);
    return stream;
  }

  follow(who: string, stream: FrameStream): void {
    stream.listen({
      onFrame: (frame) => this.heard.push(`${who} hears ${Buffer.from(frame).toString()}`),
      onDrain: () => this.heard.push(`${who} drained`),
      onClosed: (reason) => this.heard.push(`${who} closed: ${reason}`),
    });
  }

  pass(ms: number): Promise<void> {
    return this.scheduler.run(this.scheduler.nowMs + ms);
  }

  /** What was heard since the last look. */
  news(): string[] {
    return this.heard.splice(0);
  }
}

const bytes = (text: string): Uint8Array => Buffer.from(text);

describe("SimNetwork", () => {
  test("frames arrive in order both ways, later, and as they were when they were written", async () => {
    const stage = new Stage();
    const near = await stage.open();
    const frame = bytes("1");
    near.write(frame);
    frame[0] = 0;
    for (const text of ["2", "3"]) near.write(bytes(text));
    expect(stage.news()).toEqual([]);
    await stage.pass(10);
    stage.accepted[0]?.write(bytes("4"));
    await stage.pass(10);
    expect(stage.news()).toEqual(["b hears 1", "b hears 2", "b hears 3", "a hears 4"]);
  });

  test("what was written before the other side accepted arrives, too", async () => {
    const stage = new Stage();
    stage.a.boot();
    await stage.listen();
    const { process } = stage.a;
    if (process === undefined) throw new Error("a is down");
    stage.network.endpoint(process, 7081).dial("b:7081").write(bytes("early"));
    await stage.pass(10);
    expect(stage.news()).toEqual(["b hears early"]);
  });

  test("a full path says so, and says when there is room again", async () => {
    const stage = new Stage();
    const near = await stage.open();
    expect([near.write(new Uint8Array(900)), near.write(new Uint8Array(200))]).toEqual([true, false]);
    expect(near.write(bytes("x"))).toBe(false);
    await stage.pass(20);
    expect(stage.news().at(-1)).toBe("a drained");
    expect(near.write(bytes("x"))).toBe(true);
  });

  test("a close reaches the other side, with or without what was written before", async () => {
    const endings = new Set<string>();
    for (let seed = 0; seed < 20; seed += 1) {
      const stage = new Stage({}, seed);
      const near = await stage.open();
      near.write(bytes("last"));
      near.close();
      near.close();
      near.write(bytes("after the end"));
      await stage.pass(20);
      endings.add(stage.news().join(", "));
      expect(stage.network.endsOpen).toBe(0);
    }
    expect(endings).toEqual(
      new Set([
        "b hears last, b closed: the other side has ended it",
        "b closed: the other side has ended it",
      ]),
    );
  });

  test("a dial where nobody listens is refused after a while", async () => {
    const stage = new Stage();
    stage.a.boot();
    await stage.dial("c:7081");
    expect(stage.news()).toEqual(["a closed: nobody listens at c:7081"]);
    expect(stage.network.endsOpen).toBe(0);
  });

  test("streams break at any frame, and then both sides hear of it", async () => {
    const stage = new Stage({ breakRate: 0.2 });
    let framesHeard = 0;
    for (let round = 0; round < 50; round += 1) {
      const near = await (round === 0 ? stage.open() : stage.dial());
      for (let index = 0; index < 100; index += 1) near.write(bytes(`${index}`));
      await stage.pass(20);
      const news = stage.news();
      const frames = news.filter((line) => line.startsWith("b hears"));
      expect(frames).toEqual(frames.map((_, index) => `b hears ${index}`));
      expect(news.slice(frames.length)).toEqual(
        expect.arrayContaining(["a closed: the connection broke", "b closed: the connection broke"]),
      );
      framesHeard += frames.length;
    }
    expect(framesHeard / 50).toBeGreaterThan(2);
    expect(framesHeard / 50).toBeLessThan(7);
    expect(stage.network.broken).toBe(50);
  });

  test("broken streams lose what is under way", async () => {
    const stage = new Stage();
    const near = await stage.open();
    near.write(bytes("lost"));
    stage.network.breakStreams("b", "a");
    await stage.pass(20);
    expect(stage.news().toSorted()).toEqual([
      "a closed: the connection broke",
      "b closed: the connection broke",
    ]);
  });
});

describe("a cut path", () => {
  test("stalls one direction only, and gives everything when it heals soon", async () => {
    const stage = new Stage();
    const near = await stage.open();
    stage.network.cut("a", "b");
    near.write(bytes("stalled"));
    stage.accepted[0]?.write(bytes("through"));
    await stage.pass(5_000);
    expect(stage.news()).toEqual(["a hears through"]);
    stage.network.heal("a", "b");
    await stage.pass(20);
    expect(stage.news()).toEqual(["b hears stalled"]);
  });

  test("ends its streams on both sides when it lasts, and a healed one in between does not", async () => {
    const stage = new Stage();
    await stage.open();
    const partition = (): void => {
      stage.network.cut("a", "b");
      stage.network.cut("b", "a");
    };
    partition();
    await stage.pass(8_000);
    stage.network.healAll();
    partition();
    await stage.pass(8_000);
    expect(stage.news()).toEqual([]);
    await stage.pass(6_000);
    expect(stage.news().toSorted()).toEqual(["a closed: keepalive", "b closed: keepalive"]);
  });

  test("in one direction is noticed by some streams and not by others", async () => {
    const noticed = new Set<number>();
    for (let seed = 0; seed < 30; seed += 1) {
      const stage = new Stage({}, seed);
      await stage.open();
      stage.network.cut("b", "a");
      await stage.pass(30_000);
      noticed.add(stage.news().length);
    }
    expect(noticed).toEqual(new Set([0, 1, 2]));
  });

  test("leaves a dial without an answer, which then gives up", async () => {
    const stage = new Stage();
    stage.a.boot();
    await stage.listen();
    stage.network.cut("a", "b");
    await stage.dial();
    await stage.pass(19_000);
    expect(stage.news()).toEqual([]);
    await stage.pass(2_000);
    expect(stage.news()).toEqual(["a closed: no answer"]);
  });
});

describe("the end of a process", () => {
  test("ends its streams at the other side, and its listening", async () => {
    const stage = new Stage();
    await stage.open();
    stage.b.crash();
    await stage.pass(20);
    expect(stage.news()).toEqual(["a closed: its process ended"]);
    await stage.dial();
    expect(stage.news()).toEqual(["a closed: nobody listens at b:7081"]);
    await stage.listen();
    (await stage.dial()).write(bytes("new life"));
    await stage.pass(20);
    expect(stage.news()).toEqual(["b hears new life"]);
  });

  test("together with its machine is noticed only by silence", async () => {
    const stage = new Stage();
    const near = await stage.open();
    stage.b.crash({ isSilent: true });
    near.write(bytes("into the void"));
    await stage.pass(9_000);
    expect(stage.news()).toEqual([]);
    await stage.pass(5_000);
    expect(stage.news()).toEqual(["a closed: keepalive"]);
    expect(stage.network.endsOpen).toBe(0);
  });

  test("a frozen process takes frames at its thaw; when that is late, its streams are over", async () => {
    const stage = new Stage();
    const near = await stage.open();
    const freeze = (): void => {
      stage.b.freeze();
      if (stage.b.process !== undefined) stage.network.frozen(stage.b.process);
    };
    freeze();
    near.write(bytes("waits"));
    expect(near.write(new Uint8Array(2_000))).toBe(false);
    await stage.pass(5_000);
    expect(stage.news()).toEqual([]);
    stage.b.thaw();
    await stage.pass(20);
    expect(stage.news().map((line) => line.slice(0, 13))).toEqual([
      "b hears waits",
      "b hears \0\0\0\0\0",
      "a drained",
    ]);
    freeze();
    await stage.pass(14_000);
    stage.b.thaw();
    await stage.pass(20);
    expect(stage.news()).toEqual(["a closed: keepalive", "b closed: keepalive"]);
  });

  test("stopping an endpoint ends its streams and its listening, whoever opened them", async () => {
    const stage = new Stage();
    const { process } = { process: stage.b.boot() };
    stage.a.boot();
    const endpoint = stage.network.endpoint(process, 7081);
    expect(await endpoint.listen((stream) => stage.follow("b", stream))).toEqual({ host: "b", port: 7081 });
    await stage.dial();
    await endpoint.stop();
    await stage.pass(20);
    expect(stage.news()).toEqual(["a closed: the other side has ended it"]);
    await stage.dial();
    expect(stage.news()).toEqual(["a closed: nobody listens at b:7081"]);
  });
});
