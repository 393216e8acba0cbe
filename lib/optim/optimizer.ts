/**
 * All groups of a model together: one step of AdamW and Muon.
 *
 * @module
 */
import type { Device } from "../device/mod.ts";
import { AdamW } from "./adamw.ts";
import type { MuonGroup, ParameterGroup } from "./groups.ts";
import { allocateMuonScratch, Muon, type MuonOptions, type MuonScratch } from "./muon.ts";

/** AdamW and Muon over the groups of a model. */
export class Optimizer {
  /** One per group, in order. */
  readonly parts: (AdamW | Muon)[];
  readonly #scratch: MuonScratch;

  /**
   * Allocates fresh state for every group.
   *
   * @throws {UserError} when the device cannot hold it.
   */
  constructor(readonly device: Device, groups: readonly ParameterGroup[], options?: MuonOptions) {
    const muonGroups = groups.filter((group): group is MuonGroup => group.kind === "muon");
    this.#scratch = allocateMuonScratch(device, muonGroups);
    this.parts = groups.map((group) =>
      group.kind === "adamw"
        ? new AdamW(device, group)
        : new Muon(device, group, this.#scratch, options)
    );
  }

  /**
   * Updates all parameters from their gradients.
   *
   * @param multiplier Of every group's learning rate.
   * @param mu Muon's momentum coefficient.
   */
  step(multiplier: number, mu: number): void {
    for (const part of this.parts) part.step(multiplier, mu);
  }

  /** Gives all memory back. */
  free(): void {
    for (const part of this.parts) part.free();
    [...this.#scratch.x, ...this.#scratch.square].forEach((tensor) => this.device.free(tensor));
  }
}
