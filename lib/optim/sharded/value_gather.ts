/**
 * Giving every rank what each of them updated.
 *
 * @module
 */
import type { Device } from "../../device/mod.ts";
import type { Ranks } from "../../ranks/mod.ts";
import type { OwnedGroups, Stretch } from "./ownership.ts";

/** Elements that are gathered at a time, of all ranks: bounds what the host holds. */
const MOST_AT_ONCE = 16 << 20;

/** Stretches that are gathered together, by the rank that has them. */
type Wave = Stretch[][];

/**
 * What is gathered at a time. Of what every rank updates, rank 0's is everyone's: devices of several
 * makes may round it differently.
 *
 * @param stretches What each rank updates, by rank.
 */
export function wavesOf(stretches: readonly (readonly Stretch[])[]): Wave[] {
  const waves: Wave[] = [];
  let size = Infinity;
  const most = Math.max(...stretches.map(({ length }) => length));
  for (let i = 0; i < most; i++) {
    const unit = stretches.map((its, rank) =>
      its.slice(i, i + 1).filter(({ isReplicated }) => !isReplicated || rank === 0)
    );
    const elements = unit.flat().reduce((sum, { count }) => sum + count, 0);
    if (size + elements > MOST_AT_ONCE) {
      waves.push(stretches.map(() => []));
      size = 0;
    }
    size += elements;
    for (const [rank, its] of unit.entries()) waves.at(-1)![rank].push(...its);
  }
  return waves;
}

/** Reads what this rank updated, and writes what all did to the model's values, wave after wave. */
export async function gatherValues(
  device: Device,
  ranks: Ranks,
  waves: readonly Wave[],
  owned: OwnedGroups["owned"],
): Promise<void> {
  const own = new Map(owned.map(({ parameter, stretch }) => [keyOf(stretch), parameter.value]));
  let written: Promise<void> = Promise.resolve();
  for (const wave of waves) {
    const values = new Float32Array(lengthOf(wave[ranks.rank]));
    let place = 0;
    for (const stretch of wave[ranks.rank]) {
      values.set(await device.read(own.get(keyOf(stretch))!), place);
      place += stretch.count;
    }
    const gathered = ranks.gather(values, wave.map(lengthOf));
    // One wave is on its way while the next is read.
    await written;
    written = gathered.then((all) => all.forEach((values, rank) => write(wave[rank], values)));
  }
  await written;

  function write(stretches: readonly Stretch[], values: Float32Array): void {
    let place = 0;
    for (const { parameter, start, count } of stretches) {
      device.write(parameter.value, values.subarray(place, place + count), start);
      place += count;
    }
  }
}

function keyOf({ parameter, start }: Stretch): string {
  return `${parameter.name} ${start}`;
}

function lengthOf(stretches: readonly Stretch[]): number {
  return stretches.reduce((sum, { count }) => sum + count, 0);
}
