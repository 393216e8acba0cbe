/**
 * Giving every rank what each of them updated.
 *
 * @module
 */
import type { Device } from "../../device/mod.ts";
import type { Ranks } from "../../ranks/mod.ts";
import { InFlight } from "./in_flight.ts";
import type { OwnedGroups } from "./ownership.ts";
import type { Piece, Wave } from "./waves.ts";

/** Reads what this rank updated, and writes what all did to the model's values, wave after wave. */
export async function gatherValues(
  device: Device,
  ranks: Ranks,
  waves: readonly Wave[],
  owned: OwnedGroups["owned"],
): Promise<void> {
  const { rank } = ranks;
  const own = new Map(owned.map(({ parameter, stretch }) => [stretch, parameter.value]));
  const inFlight = new InFlight();
  for (const wave of waves) {
    await inFlight.room();
    const gathered = ranks.gather(await read(wave[rank]), wave.map(lengthOf));
    inFlight.add(gathered.then((all) => all.forEach((values, from) => write(wave[from], values))));
  }
  await inFlight.land();

  async function read(pieces: readonly Piece[]): Promise<Float32Array> {
    const values = new Float32Array(lengthOf(pieces));
    let end = 0;
    await Promise.all(pieces.map(async ({ stretch, start, count }) => {
      const place = end;
      end += count;
      values.set(await device.read(own.get(stretch)!, start - stretch.start, count), place);
    }));
    return values;
  }

  function write(pieces: readonly Piece[], values: Float32Array): void {
    let place = 0;
    for (const { stretch, stretch: { parameter: { value } }, start, count } of pieces) {
      // What is whole was updated where it lies.
      if (own.get(stretch) !== value) {
        device.write(value, values.subarray(place, place + count), start);
      }
      place += count;
    }
  }
}

function lengthOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { count }) => sum + count, 0);
}
