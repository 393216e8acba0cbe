/** Messages of own files for tests, as OpenAI has them. */

/** A user's message. */
export const user = (content: unknown) => ({ role: "user", content });
/** An assistant's message, with other keys beside. */
export const assistant = (content: unknown, more = {}) => ({ role: "assistant", content, ...more });
/** A short conversation. */
export const HI = [user("hi"), assistant("hello")];
/** What an assistant calls. */
export const CALL = (name: string, args: unknown, id?: string) => ({
  id,
  type: "function",
  function: { name, arguments: args },
});
