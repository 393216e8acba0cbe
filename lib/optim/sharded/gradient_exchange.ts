/**
 * One step's gradients on their way between ranks.
 *
 * @module
 */
import { bfloat16ToFloat32, float32ToBfloat16 } from "../../bfloat16.ts";
import type { Device } from "../../device/mod.ts";
import type { Ranks } from "../../ranks/mod.ts";
import type { OptimizerParameter } from "../groups.ts";
import { heeded, InFlight } from "./in_flight.ts";
import { addTo, lengthOf, pack, type Segment, segmentsOf, type TouchedRows } from "./segments.ts";
import type { Piece, Wave } from "./waves.ts";

/** Type in which ranks send each other gradients; they are summed in float32. */
export type ReduceDtype = "float32" | "bfloat16";

/** Parameters whose gradients are final at the same time. */
export interface Bucket {
  /** Those of them that ranks divide. */
  parameters: OptimizerParameter[];
  /** What each rank sums of them, at a time. */
  waves: Wave[];
}

/** What gradients are exchanged with. */
export interface ExchangeOptions {
  device: Device;
  ranks: Ranks;
  /** In the order in which the backward pass finishes them. */
  buckets: readonly Bucket[];
  /** What every rank sums, all of it. */
  replicated: readonly Piece[];
  reduceDtype: ReduceDtype;
}

/**
 * Hands over gradients in buckets, as soon as they are final. Exchanges begin in the order of the
 * buckets, on every rank alike; several are on their way at a time.
 */
export class GradientExchange {
  /** The sums of what this rank updates; whole once {@link finish} is. */
  readonly sums: Map<Piece, Float32Array> = new Map();
  readonly #options: ExchangeOptions;
  /** Which rows of tables each rank touched. */
  readonly #touched: Promise<TouchedRows>;
  /** Done when all that is ready has begun. */
  #begun: Promise<unknown>;
  readonly #inFlight = new InFlight();
  #isFinite = true;
  #ready = 0;

  /** Begins with the rows that this rank touched. */
  constructor(options: ExchangeOptions, touched: ReadonlyMap<string, Int32Array>) {
    this.#options = options;
    this.#touched = heeded(gatherRows(options.ranks, touched));
    this.#begun = this.#touched;
  }

  /**
   * Hands over the gradients of the first so many buckets, which are final; they are copied at this
   * point of the device's operations.
   */
  ready(buckets: number): void {
    const { device, ranks, buckets: all, replicated } = this.#options;
    if (buckets <= this.#ready) return;
    for (; this.#ready < buckets; this.#ready++) {
      const { parameters, waves } = all[this.#ready];
      const gradients = this.#stage(parameters);
      for (const wave of waves) this.#begin(wave, gradients);
    }
    if (this.#ready === all.length && replicated.length > 0) {
      const gradients = this.#stage(replicated.map(({ stretch }) => stretch.parameter));
      const everywhere = Array<readonly Piece[]>(ranks.worldSize).fill(replicated);
      this.#begin(everywhere, gradients, "float32");
    }
    device.submit();
  }

  /**
   * Hands over what is left, whatever its gradients hold, and waits for the sums.
   *
   * @returns Whether those of this rank are finite.
   */
  async finish(): Promise<boolean> {
    this.ready(this.#options.buckets.length);
    await this.#begun;
    await this.#inFlight.land();
    return this.#isFinite;
  }

  /** The gradients as they are now, once the device has come that far. */
  #stage(parameters: readonly OptimizerParameter[]): Promise<Map<string, Float32Array>> {
    const { device } = this.#options;
    const staged = parameters.map(({ name, gradient }) => {
      if (!gradient) throw new Error(`${name} has no gradient`);
      return [name, device.stage(gradient)] as const;
    });
    const values = staged.map(async ([name, readback]) => (
      [name, await readback.values() as Float32Array] as const
    ));
    return heeded(Promise.all(values).then((gradients) => new Map(gradients)));
  }

  /** Begins to exchange a wave after those before it have begun. */
  #begin(
    wave: Wave,
    gradients: Promise<ReadonlyMap<string, Float32Array>>,
    dtype: ReduceDtype = this.#options.reduceDtype,
  ): void {
    this.#begun = heeded(this.#begun.then(async () => {
      await this.#inFlight.room();
      this.#exchange(wave, await this.#touched, await gradients, dtype);
    }));
  }

  /** Begins to send each rank what it sums, and to receive what this one does. */
  #exchange(
    wave: Wave,
    touched: TouchedRows,
    gradients: ReadonlyMap<string, Float32Array>,
    dtype: ReduceDtype,
  ): void {
    const { ranks, ranks: { rank } } = this.#options;
    const own = wave[rank];
    const incoming = wave.map((_, from) => segmentsOf(own, touched, from));
    const messages = wave.map((its) => pack(segmentsOf(its, touched, rank), gradients));
    const received = send(ranks, messages, incoming, dtype);
    this.#inFlight.add(received.then((all) => {
      for (const [from, message] of all.entries()) addTo(this.sums, incoming[from], message);
      this.#isFinite &&= own.every((piece) => isFinite(this.sums.get(piece)!));
    }));
  }
}

/** Sends a message to each rank, and gives what each had for this one. */
async function send(
  ranks: Ranks,
  messages: readonly Float32Array[],
  incoming: readonly Segment[][],
  dtype: ReduceDtype,
): Promise<Float32Array[]> {
  const lengths = incoming.map(lengthOf);
  if (dtype === "float32") return await ranks.exchange(messages, lengths);
  const halves = messages.map((message) => new Uint8Array(float32ToBfloat16(message).buffer));
  const received = await ranks.exchange(halves, lengths.map((length) => 2 * length));
  return received.map(({ buffer, byteOffset, byteLength }) =>
    bfloat16ToFloat32(new Uint16Array(buffer, byteOffset, byteLength / 2))
  );
}

/** What each rank touched of each table. */
async function gatherRows(
  ranks: Ranks,
  touched: ReadonlyMap<string, Int32Array>,
): Promise<TouchedRows> {
  // Tables of tokens share a list.
  const lists = [...new Set(touched.values())];
  if (lists.length === 0) return new Map();
  const lengths = await ranks.gather(Int32Array.from(lists, ({ length }) => length));
  const gathered = await Promise.all(
    lists.map((list, i) => ranks.gather(list, lengths.map((its) => its[i]))),
  );
  return new Map(
    Array.from(touched, ([name, list]) => [name, gathered[lists.indexOf(list)]]),
  );
}

function isFinite(values: Float32Array): boolean {
  // One that is not finite makes the sum of zeros NaN.
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * 0;
  return sum === 0;
}
