/**
 * Errors for a person: what the lower floors know, with the flag that mends it.
 *
 * @module
 */
import type { Guess } from "../lib/checkpoint/mod.ts";
import type { ErrorDetail, Instead, UserError } from "../lib/errors.ts";
import { type CommandName, flagOf } from "./flag.ts";
import { flagsOf } from "./flags.ts";

/** What makes a run need less memory. */
const LOWERED = ["deviceBatchSize", "batchSize", "maxSeqLen", "cacheTokens"];

/** What makes a run need less where not even one row fits. */
const SMALLER = ["maxSeqLen", "depth", "cacheTokens"];

/**
 * An error's message as one line that names the flag of the command to change, if it has one.
 *
 * @param said What an option was said with, which need not be its flag.
 */
export function wordError(
  { message, detail }: UserError,
  command: CommandName,
  said: (option: string) => string = flagOf,
): string {
  const known = new Set(flagsOf(command).map(({ name }) => name));
  const lowered = LOWERED.filter((name) => known.has(name)).map(flagOf);
  const lower = lowered.length > 0 ? `lower ${lowered.join(" or ")}` : undefined;
  const useCpu = known.has("deviceType") ? `run on the CPU with ${flagOf("deviceType")} cpu` : "";
  /** The message, and what may be done. */
  const withAdvice = (...advice: (string | undefined)[]) => {
    const given = advice.filter((words) => words);
    return given.length > 0 ? `${message}; ${given.join(", or ")}` : message;
  };
  switch (detail?.kind) {
    case "option":
      // The message begins with the option's name.
      return said(detail.option) + message.slice(detail.option.length);
    case "batchSize": {
      const { totalBatchSize, deviceBatchSize, maxSeqLen, worldSize } = detail;
      const micro = deviceBatchSize * maxSeqLen * worldSize;
      const fitting = Math.max(1, Math.round(totalBatchSize / micro)) * micro;
      return `${flagOf("totalBatchSize")} ${totalBatchSize} is no multiple of ` +
        `${flagOf("deviceBatchSize")} ${deviceBatchSize} x ${flagOf("maxSeqLen")} ${maxSeqLen}` +
        `${worldSize > 1 ? ` x ${worldSize} ranks` : ""} = ${micro} tokens; ${fitting} would be`;
    }
    case "memory":
      if (detail.rows === undefined) return withAdvice(lower);
      if (detail.rows > 0) {
        return withAdvice(`${flagOf("deviceBatchSize")} ${detail.rows} would fit`);
      }
      return withAdvice(
        detail.instead && `${wordInstead(detail.instead)} would fit`,
        ...SMALLER.filter((name) => known.has(name)).map((name) => `lower ${flagOf(name)}`),
        `take another device with ${flagOf("deviceType")}`,
      );
    case "deviceLost":
      return withAdvice(lower, useCpu);
    case "noAdapter":
      return withAdvice(useCpu);
    case "noDawn":
      return withAdvice(`take Deno's own with ${flagOf("webgpu")} deno`, useCpu);
    case "noApiKey":
      return withAdvice(`say one with ${flagOf("apiKey")} or NANOCHAT_API_KEY`);
    case "noModel":
      return withAdvice(
        ...known.has("hub")
          ? ["make a model with the command sft", `name one of the hub with ${flagOf("hub")}`]
          : [],
      );
    case "noTokenizer":
      return withAdvice(command === "base" ? "make one of your text with tok-train" : undefined);
    case "noRun":
      return withAdvice(`start without ${flagOf("resume")}`);
    case "optimizerState":
      return withAdvice(
        known.has("loadOptimizer")
          ? `start the optimizer fresh with ${flagOf("loadOptimizer")} 0`
          : undefined,
      );
    case "measurement":
      return `${wordError(detail.cause, command, said)}; or do without: ${
        flagOf("chatcoreEvery")
      } -1`;
    case "runEnded":
      return `${wordError(detail.cause, command, said)}; ${
        detail.saved ? whatIsLeft(detail.saved, command) : "no checkpoint of this run is saved"
      }`;
    case "ownData":
      return withAdvice(ownDataRemedy(detail, known));
    case "threadLost":
    case "notFinite":
    case undefined:
      return message;
  }
}

function ownDataRemedy(
  detail: ErrorDetail & { kind: "ownData" },
  known: ReadonlySet<string>,
): string | undefined {
  const flag = detail.remedy === "map" ? "dataMap" : "dataMerge";
  if (!known.has(flag)) return undefined;
  if (detail.remedy === "merge") return `${flagOf(flag)} joins them`;
  const { keys = "messages=dialog,user=Customer" } = detail;
  return `say what its keys or speakers are called: ${flagOf(flag)} ${keys}`;
}

function wordInstead({ dtype, recompute, rows }: Instead): string {
  return [
    ...dtype ? [`${flagOf("dtype")} ${dtype}`] : [],
    ...recompute ? [flagOf("recompute")] : [],
    `${flagOf("deviceBatchSize")} ${rows}`,
  ].join(" ");
}

/** What changes a guess about a model that is wrong. */
export function adviseOn(guess: Guess): string {
  return guess === "softcap"
    ? `${flagOf("softcap")} 20 or 15 settles it`
    : `${flagOf("windowPattern")} names it`;
}

/** What is left of a run that ended before its time, and how to go on with it. */
export function whatIsLeft(
  saved: { tag: string; step: number } | undefined,
  command: CommandName,
): string {
  if (!saved) return "nothing was trained yet, so there is nothing to save";
  const { tag, step } = saved;
  const goOn = command === "sft"
    ? `${flagOf("resume")} ${flagOf("modelTag")} ${tag} goes on from there`
    : `sft ${flagOf("modelTag")} ${tag} fine-tunes it`;
  return `what was trained is saved up to step ${step}: ${goOn}`;
}
