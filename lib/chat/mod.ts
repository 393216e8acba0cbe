/**
 * Talking with a checkpoint on a terminal.
 *
 * @module
 */
export {
  CHAT_DEFAULTS,
  type ChatIo,
  type ChatSettings,
  runChat,
  type RunChatOptions,
} from "./run.ts";
