/**
 * Which turns of a conversation still fit into a context.
 *
 * @module
 */

/** What is kept free for the answer, as a share of the context, if that is less than its limit. */
const ANSWER_SHARE = 0.25;

/** What is to fit into a context. All are numbers of tokens. */
export interface ContextRoom {
  /** What each earlier turn takes with its answer, the oldest first. */
  turns: readonly number[];
  /** What is never dropped: the new question and what begins the conversation. */
  question: number;
  /** Most that the answer may take. */
  maxNewTokens: number;
  /** What the context holds. */
  capacity: number;
}

/** How many of the oldest turns to drop so that the others, the question and an answer fit. */
export function turnsToDrop({ turns, question, maxNewTokens, capacity }: ContextRoom): number {
  const answer = Math.min(maxNewTokens, Math.floor(capacity * ANSWER_SHARE));
  let wanted = turns.reduce((sum, tokens) => sum + tokens, question + answer);
  let dropped = 0;
  while (dropped < turns.length && wanted > capacity) wanted -= turns[dropped++];
  return dropped;
}
