/** stand-in by the lead, replaced by the sharded stream's */
import type { Device, Guard, Readback } from "../../device/mod.ts";
import type { ParameterGroup } from "../groups.ts";
import type { MuonOptions } from "../muon.ts";
import { Optimizer } from "../optimizer.ts";
import type { Ranks } from "../../ranks/mod.ts";
import { type OwnedGroups, ownedGroups, type Stretch, stretchesOf } from "./ownership.ts";
export interface GradientExchange {
  ready(buckets: number): void;
  finish(): Promise<boolean>;
}
export class ShardedOptimizer {
  readonly own: Optimizer;
  readonly owned: OwnedGroups["owned"];
  readonly all: Stretch[][];
  sums = new Map<string, Float32Array>();
  constructor(
    readonly device: Device,
    readonly groups: readonly ParameterGroup[],
    readonly ranks: Ranks,
    readonly options: { muon?: MuonOptions; order: readonly (readonly string[])[] },
  ) {
    const { groups: own, owned } = ownedGroups(device, groups, ranks.rank, ranks.worldSize);
    this.own = new Optimizer(device, own, options.muon);
    this.owned = owned;
    this.all = Array.from(
      { length: ranks.worldSize },
      (_, r) => stretchesOf(groups, r, ranks.worldSize).flat(),
    );
  }
  get guard(): Guard {
    return this.own.guard;
  }
  static async open(
    device: Device,
    groups: readonly ParameterGroup[],
    ranks: Ranks,
    options: { muon?: MuonOptions; order: readonly (readonly string[])[] },
  ): Promise<ShardedOptimizer> {
    const it = new ShardedOptimizer(device, groups, ranks, options);
    for (const { parameter, stretch } of it.owned) {
      if (parameter.value !== stretch.parameter.value) {
        device.write(
          parameter.value,
          await device.read(stretch.parameter.value, stretch.start, stretch.count),
        );
      }
    }
    return it;
  }
  begin(_touched?: ReadonlyMap<string, Int32Array>): GradientExchange {
    let sent = 0;
    let chain: Promise<void> = Promise.resolve();
    let finite = true;
    const ready = (buckets: number) => {
      for (; sent < buckets; sent++) {
        for (const name of this.options.order[sent]) {
          const p = this.groups.flatMap((g) => g.parameters).find((p) => p.name === name)!;
          const staged: Readback = this.device.stage(p.gradient!);
          chain = chain.then(async () => {
            const values = await staged.values() as Float32Array;
            const parts = this.all.map((list) => {
              const s = list.find((s) => s.parameter.name === name);
              return s ? values.slice(s.start, s.start + s.count) : new Float32Array(0);
            });
            const mine = parts[this.ranks.rank].length;
            const got = await this.ranks.exchange(parts, parts.map(() => mine));
            const sum = got[0].slice();
            for (const g of got.slice(1)) g.forEach((x, i) => sum[i] += x);
            if (!sum.every(Number.isFinite)) finite = false;
            this.sums.set(name, sum);
          });
        }
      }
    };
    return {
      ready,
      finish: async () => {
        ready(this.options.order.length);
        await chain;
        return finite;
      },
    };
  }
  async step(
    multiplier: number,
    mu: number,
    { contributors, isFinite }: { contributors: number; isFinite: boolean },
  ): Promise<void> {
    for (const { parameter, stretch } of this.owned) {
      this.device.write(
        parameter.gradient!,
        this.sums.get(stretch.parameter.name)!.map((x) => x / contributors),
      );
    }
    if (!isFinite) this.device.write(this.guard, Int32Array.of(1));
    this.own.step(multiplier, mu);
    for (const p of this.groups.flatMap((g) => g.parameters)) {
      const mine = this.owned.find(({ stretch }) => stretch.parameter === p);
      const values = mine
        ? await this.device.read(mine.parameter.value) as Float32Array
        : new Float32Array(0);
      const lengths = this.all.map((list) => list.find((s) => s.parameter === p)?.count ?? 0);
      const got = await this.ranks.gather(values, lengths);
      this.all.forEach((list, r) => {
        const s = list.find((s) => s.parameter === p);
        if (s) this.device.write(p.value, got[r], s.start);
      });
    }
  }
  takeBack(steps: number): void {
    this.own.takeBack(steps);
  }
  free(): void {
    this.own.free();
  }
}
