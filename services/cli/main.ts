import { systemClock } from "../kernel/system-clock.ts";
import { systemRng } from "../kernel/system-rng.ts";
import { firstSignal } from "../node/process-signals.ts";
import { exitCodes } from "./exit-codes.ts";
import { runProgram } from "./program.ts";

/** Reads standard input to its end. */
async function readInput(): Promise<string> {
  let text = "";
  process.stdin.setEncoding("utf8");
  for await (const chunk of process.stdin) text += chunk;
  return text;
}

// A reader that has seen enough (`| head`) is no failure.
for (const output of [process.stdout, process.stderr]) {
  output.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

/** Reports what is thrown outside of any call as a bug, except what a command has said to be harmless. */
function reportStrayErrors(): (isHarmless: (error: unknown) => boolean) => void {
  let passesOver: (error: unknown) => boolean = () => false;
  process.on("uncaughtException", (error) => {
    if (passesOver(error)) return;
    process.stderr.write(`parley: this is a bug, please report it: ${error.stack ?? error.message}\n`);
    process.exitCode = exitCodes.failed;
    throw error;
  });
  return (isHarmless) => {
    passesOver = isHarmless;
  };
}

// The clock's timers let a process end, so a command that only waits (to attach again, to repeat a send) would end too.
const busy = setInterval(() => undefined, 60_000);
process.exitCode = await runProgram(process.argv.slice(2), {
  environment: process.env,
  clock: systemClock(),
  rng: systemRng(),
  print: (line) => void process.stdout.write(`${line}\n`),
  notice: (line) => void process.stderr.write(`${line}\n`),
  terminal: process.stdout.isTTY,
  readInput,
  signal: firstSignal(exitCodes.stoppedEarly),
  passOver: reportStrayErrors(),
});
clearInterval(busy);
// A node that is told by its standard input when to end has not read it to the end when it was a signal that told it.
process.stdin.destroy();
