/** The state of the page, and everything a person can do to it. */
import { answerTo } from "./answering.ts";
import {
  type AssistantMessage,
  type Conversation,
  type Message,
  newConversation,
  requestMessages,
  textOf,
} from "./conversation.ts";
import { readSampling, type Sampling } from "./sampling.ts";
import { AnswerError, askModel, type Model, NotNowError } from "./server.ts";
import { Keep } from "./storage.ts";

/** Colours: a person's choice, or the system's. */
export type Theme = "system" | "light" | "dark";

/** An answer that is on its way: it comes, or waits for the server to have time. */
export interface Progress {
  /** Why it waits, and until when, in milliseconds since 1970. */
  wait?: { reason: string; until: number };
}

/** What the page shows. */
export interface ChatState {
  /** The last changed first; one without messages is not kept. */
  conversations: readonly Conversation[];
  /** The conversation that is shown. */
  currentId: string;
  /** The answers that are on their way, by their conversations. */
  answering: Readonly<Record<string, Progress>>;
  sampling: Sampling;
  theme: Theme;
  /** How the server stands. */
  server: "asking" | "loading" | "ready" | "gone" | "key";
  /** Whether the server was told a key and does not take it. */
  isKeyWrong: boolean;
  /** What answers, once the server has said so. */
  model?: Model;
  /** Whether the browser keeps the conversations. */
  isKept: boolean;
  /** What ended last, in words for those who hear the page. */
  announcement: string;
}

/** How often an answer that is coming is kept, and how often a server that is gone is asked. */
const KEEP_EVERY = 1000, ASK_EVERY = 3000;

/** Holds the state, and changes it: each state is a new object. */
export class Chat {
  #state: ChatState;
  #isAsking = false;
  #isLeft = false;
  readonly #listeners = new Set<() => void>();
  readonly #kept = new Keep(() => localStorage);
  readonly #tab = new Keep(() => sessionStorage);
  readonly #aborts = new Map<string, AbortController>();

  /** Begins with what the browser kept. */
  constructor() {
    const conversations = this.#kept.conversations();
    const shown = conversations.find(({ id }) => id === this.#tab.get("current"));
    const current = shown ?? newConversation();
    const theme = this.#kept.get("theme");
    this.#state = {
      conversations: shown ? conversations : [current, ...conversations],
      currentId: current.id,
      answering: {},
      sampling: readSampling(this.#kept.get("sampling")),
      theme: theme === "light" || theme === "dark" ? theme : "system",
      server: "asking",
      isKeyWrong: false,
      isKept: this.#kept.isKept,
      announcement: "",
    };
  }

  /** What the page shows now. */
  get state(): ChatState {
    return this.#state;
  }

  /** The conversation that is shown. */
  get current(): Conversation {
    return this.#find(this.#state.currentId)!;
  }

  /** Calls a function after each change, until what it gives is called. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes what other tabs keep. */
  readAgain(): void {
    const { conversations, currentId, answering } = this.#state;
    const mine = conversations.filter(({ id, messages }) =>
      id in answering || id === currentId && messages.length === 0
    );
    const isMine = (id: string) => mine.some((one) => one.id === id);
    const others = this.#kept.conversations().filter(({ id }) => !isMine(id));
    this.#show([...mine, ...others], currentId);
  }

  /** Keeps the answers that are coming as far as they have come: their page is left. */
  leave(): void {
    this.#isLeft = true;
    for (const id of Object.keys(this.#state.answering)) {
      this.#kept.setConversation(this.#find(id)!);
    }
  }

  /** Shows an empty conversation. */
  begin(): void {
    const fresh = newConversation();
    this.#show([fresh, ...this.#state.conversations], fresh.id);
  }

  /** Shows a conversation. */
  select(id: string): void {
    this.#show(this.#state.conversations, id);
  }

  /** Names a conversation; nothing gives its first message's name back. */
  rename(id: string, title: string): void {
    this.#change(id, { title: title.trim() || undefined });
  }

  /** Tells the model something before everything else. */
  setSystem(system: string): void {
    this.#change(this.#state.currentId, { system });
  }

  /** Forgets a conversation. */
  remove(id: string): void {
    this.#aborts.get(id)?.abort();
    this.#kept.removeConversation(id);
    const others = this.#state.conversations.filter((one) => one.id !== id);
    this.#show(others, this.#state.currentId);
  }

  /** Says something and asks for the answer. */
  send(text: string): void {
    this.#ask([...this.current.messages, { role: "user", text }]);
  }

  /** Asks again for the last answer. */
  regenerate(): void {
    const { messages } = this.current;
    this.#ask(messages.at(-1)?.role === "assistant" ? messages.slice(0, -1) : messages);
  }

  /** Says something else in place of a message; what followed it is forgotten. */
  edit(index: number, text: string): void {
    this.#ask([...this.current.messages.slice(0, index), { role: "user", text }]);
  }

  /** Stops the answer that is coming. */
  stop(): void {
    this.#aborts.get(this.#state.currentId)?.abort();
  }

  /** Samples the answers that follow otherwise. */
  setSampling(sampling: Sampling): void {
    this.#kept.set("sampling", sampling);
    this.#set({ sampling, isKept: this.#kept.isKept });
  }

  /** Chooses colours. */
  setTheme(theme: Theme): void {
    this.#kept.set("theme", theme);
    this.#set({ theme });
  }

  /** Takes the server's key, for this tab alone, and does what was refused without it. */
  setKey(key: string): void {
    this.#tab.set("key", key);
    this.#set({ server: "asking" });
    this.connect();
    const last = this.current.messages.at(-1);
    if (last?.role === "assistant" && last.problem?.kind === "key") this.regenerate();
  }

  /** Asks the server for its model, until it tells it or wants a key. */
  async connect(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    while (true) {
      try {
        this.#set({ model: await askModel(this.#key), server: "ready" });
        break;
      } catch (error) {
        const isKey = error instanceof AnswerError && error.kind === "key";
        if (isKey) {
          this.#wantKey();
          break;
        }
        this.#set({ server: error instanceof NotNowError ? "loading" : "gone" });
        const pause = error instanceof NotNowError ? error.seconds * 1000 : ASK_EVERY;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
    this.#isAsking = false;
  }

  get #key(): string {
    const key = this.#tab.get("key");
    return typeof key === "string" ? key : "";
  }

  #wantKey(): void {
    this.#set({ server: "key", isKeyWrong: this.#key !== "" });
  }

  /** Asks for the answer to what the shown conversation says now. */
  async #ask(messages: readonly Message[]): Promise<void> {
    const { id } = this.current;
    this.#aborts.get(id)?.abort();
    const abort = new AbortController();
    this.#aborts.set(id, abort);
    const question = {
      request: {
        model: this.#state.model?.id,
        messages: requestMessages({ ...this.current, messages }),
        ...this.#state.sampling,
      },
      key: this.#key,
      signal: abort.signal,
      wait: ({ message, seconds }: NotNowError) => this.#wait(id, message, seconds, abort.signal),
    };
    let answer: AssistantMessage = { role: "assistant", parts: [] };
    this.#set({ answering: { ...this.#state.answering, [id]: {} }, announcement: "" });
    this.#change(id, { messages: [...messages, answer], updated: Date.now() });
    let kept = performance.now();
    for await (answer of answerTo(question)) {
      // Another question took its place, or the conversation was removed.
      if (this.#aborts.get(id) !== abort || !this.#find(id)) return;
      // What a browser then breaks off is no fault of the server.
      if (this.#isLeft) return;
      const isDue = performance.now() - kept > KEEP_EVERY;
      if (isDue) kept = performance.now();
      this.#change(id, { messages: [...messages, answer] }, isDue);
      if (this.#state.answering[id]?.wait) this.#progress(id, {});
    }
    this.#aborts.delete(id);
    const { [id]: _, ...answering } = this.#state.answering;
    this.#set({ answering, announcement: answer.problem?.text ?? textOf(answer.parts) });
    this.#change(id, {});
    if (answer.problem?.kind === "key") this.#wantKey();
    // It may be gone, or another, with another model.
    else if (answer.problem) this.connect();
  }

  async #wait(id: string, reason: string, seconds: number, signal: AbortSignal): Promise<void> {
    this.#progress(id, { wait: { reason, until: Date.now() + seconds * 1000 } });
    this.#set({ announcement: reason });
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, seconds * 1000);
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #progress(id: string, progress: Progress): void {
    this.#set({ answering: { ...this.#state.answering, [id]: progress } });
  }

  #find(id: string): Conversation | undefined {
    return this.#state.conversations.find((one) => one.id === id);
  }

  /** Changes a conversation, and keeps it if it has messages. */
  #change(id: string, change: Partial<Conversation>, isToBeKept = true): void {
    const changed = { ...this.#find(id)!, ...change };
    const conversations = this.#state.conversations
      .map((one) => one.id === id ? changed : one)
      .sort((a, b) => b.updated - a.updated);
    if (isToBeKept && changed.messages.length > 0) this.#kept.setConversation(changed);
    this.#set({ conversations, isKept: this.#kept.isKept });
  }

  /** Shows one of some conversations, an empty one where it is not there; other empty ones go. */
  #show(conversations: readonly Conversation[], id: string): void {
    const shown = conversations.find((one) => one.id === id) ?? newConversation();
    const others = conversations.filter((one) => one !== shown && one.messages.length > 0);
    this.#tab.set("current", shown.id);
    this.#set({
      conversations: [shown, ...others].sort((a, b) => b.updated - a.updated),
      currentId: shown.id,
    });
  }

  #set(change: Partial<ChatState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }
}
