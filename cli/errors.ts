/**
 * Errors for a person: what the lower floors know, with the flag that mends it.
 *
 * @module
 */
import type { UserError } from "../lib/errors.ts";
import { flagOf } from "./flag.ts";

const LOWER_BATCH = `lower ${flagOf("deviceBatchSize")}`;
const USE_CPU = `run on the CPU with ${flagOf("deviceType")} cpu`;

/** An error's message as one line that names the flag to change, where there is one. */
export function wordError({ message, detail }: UserError): string {
  switch (detail?.kind) {
    case "option":
      // The message begins with the option's name.
      return flagOf(detail.option) + message.slice(detail.option.length);
    case "batchSize": {
      const { totalBatchSize, deviceBatchSize, maxSeqLen, worldSize } = detail;
      const micro = deviceBatchSize * maxSeqLen * worldSize;
      const fitting = Math.max(1, Math.round(totalBatchSize / micro)) * micro;
      return `${flagOf("totalBatchSize")} ${totalBatchSize} is no multiple of ` +
        `${flagOf("deviceBatchSize")} ${deviceBatchSize} x ${flagOf("maxSeqLen")} ${maxSeqLen}` +
        `${worldSize > 1 ? ` x ${worldSize} ranks` : ""} = ${micro} tokens; ${fitting} would be`;
    }
    case "memory":
      return `${message}; ${LOWER_BATCH} or ${flagOf("maxSeqLen")}`;
    case "deviceLost":
      return `${message}; ${LOWER_BATCH}, or ${USE_CPU}`;
    case "noAdapter":
      return `${message}, or ${USE_CPU}`;
    case "noRun":
      return `${message}; start without ${flagOf("resume")}`;
    case undefined:
      return message;
  }
}
