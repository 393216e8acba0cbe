/** A server that faults are tried on, and what it must be able to do after each. */
import { assertEquals } from "@std/assert";
import type { ServerProcess } from "../../bench/serve/server_process.ts";
import { until } from "./patience.ts";
import { startShipped } from "./shipped_server.ts";

/** Where chats are asked for. */
export const CHATS = "/v1/chat/completions";

/** A server, and a short answer that it gives whenever it is well. */
export class Target {
  private constructor(
    readonly server: ServerProcess,
    /** The model's name. */
    readonly model: string,
  ) {}

  #expected = "";

  /** Starts it. */
  static async start(): Promise<Target> {
    const server = await startShipped();
    const { data: [{ id }] } = await (await fetch(`${server.url}/v1/models`)).json();
    const target = new Target(server, id);
    target.#expected = await target.#shortAnswer();
    return target;
  }

  /** Its port. */
  get port(): number {
    return this.server.port;
  }

  /** A chat's body: greedy and short unless told otherwise. */
  chat(fields: object = {}): string {
    const messages = [{ role: "user", content: "Tell me a story." }];
    return JSON.stringify({
      model: this.model,
      messages,
      temperature: 0,
      max_tokens: 4,
      ...fields,
    });
  }

  /** How many answers are being given, or wait. */
  async openAnswers(): Promise<number> {
    const { answers } = await (await fetch(`${this.server.url}/stats`)).json();
    return answers.running + answers.waiting;
  }

  /** It answers the next client as before, within 5 seconds. */
  async assertAnswers(): Promise<void> {
    assertEquals(await this.#shortAnswer(), this.#expected);
  }

  /** It answers the next client as before, and has no answer open. */
  async assertAsBefore(): Promise<void> {
    await this.assertAnswers();
    await until(async () => await this.openAnswers() === 0);
  }

  async #shortAnswer(): Promise<string> {
    const response = await fetch(`${this.server.url}${CHATS}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: this.chat(),
      signal: AbortSignal.timeout(5000),
    });
    const { choices } = await response.json();
    return choices[0].message.content;
  }
}
