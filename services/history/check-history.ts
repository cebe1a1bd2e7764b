import {
  checkGenerationsRise,
  checkNotClosedByOlder,
  checkNothingNewHeard,
  checkSupersededSilent,
} from "./fencing-checks.ts";
import { type Finding, startFinding } from "./finding.ts";
import type { History, SendRecord } from "./history.ts";
import { checkDense, checkNoDuplicate, checkNoLoss, checkNoPhantom } from "./log-checks.ts";
import { checkAgreement, checkConvergence, checkObserverOrder } from "./observer-checks.ts";
import { checkLaneOrder, checkOwnWrites, checkReadsRise, checkRealTimeOrder } from "./order-checks.ts";

/** Runs every checker over a finished history. */
export function checkHistory(history: History): readonly Finding[] {
  const { sends, logs, observers, reads, streams } = history;
  return [
    checkDense(logs),
    checkNoLoss(sends, logs),
    checkNoPhantom(sends, logs),
    checkNoDuplicate(logs),
    checkSettled(sends),
    checkObserverOrder(observers),
    checkAgreement(observers, logs),
    checkConvergence(observers, logs),
    checkLaneOrder(sends),
    checkRealTimeOrder(sends),
    checkOwnWrites(sends, reads),
    checkReadsRise(reads),
    ...(streams === undefined
      ? []
      : [
          checkGenerationsRise(streams.records),
          checkNotClosedByOlder(streams.records),
          checkNothingNewHeard(streams.records, sends),
          checkSupersededSilent(streams),
        ]),
  ];
}

/** Every send came to an end: with idempotent retries no outcome stays unknown once the node is back. */
export function checkSettled(sends: readonly SendRecord[]): Finding {
  const finding = startFinding("every send settled");
  for (const send of sends) {
    finding.examine();
    if (send.outcome.kind === "open") {
      finding.violate(
        `${send.conversationId} ${send.clientMessageId} has no outcome after ${send.tries} tries`,
      );
    }
  }
  return finding.finish();
}
