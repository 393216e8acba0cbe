/**
 * All groups of a model together: one step of AdamW and Muon.
 *
 * @module
 */
import type { Device, Guard, Tensor } from "../device/mod.ts";
import { AdamW } from "./adamw.ts";
import type { MuonGroup, ParameterGroup } from "./groups.ts";
import { allocateMuonScratch, Muon, type MuonOptions, type MuonScratch } from "./muon.ts";

/** AdamW and Muon over the groups of a model. */
export class Optimizer {
  /** One per group, in order. */
  readonly parts: (AdamW | Muon)[];
  /**
   * int32 (1) 1 once a step met a loss or a gradient that is not finite: neither that step nor a
   * later one is applied. Stage it with the loss to learn of it; zero it to go on.
   */
  readonly guard: Guard;
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
    this.guard = device.allocate("guard of the optimizer", [1], "int32");
  }

  /**
   * Updates all parameters from their gradients, unless {@link guard} is set or one of them, or the
   * loss, is NaN or infinite: then nothing changes but the guard and the count of steps. The device
   * decides that; nothing is waited for.
   *
   * @param multiplier Of every group's learning rate.
   * @param mu Muon's momentum coefficient.
   * @param loss (any shape) What the gradients are of.
   * @param gradientScale What takes back the scale that the loss had for them; 1 unless given.
   */
  step(multiplier: number, mu: number, loss?: Tensor, gradientScale = 1): void {
    const { device, guard: flag } = this;
    if (loss) device.checkFinite({ x: loss, flag });
    for (
      const { gradient: x, gradientRows } of this.parts.flatMap(({ group }) => group.parameters)
    ) {
      if (x) device.checkFinite({ x: gradientRows?.used(x) ?? x, flag });
    }
    for (const part of this.parts) {
      if (part instanceof AdamW) part.step(multiplier, flag, gradientScale);
      else part.step(multiplier, mu, flag, gradientScale);
    }
  }

  /** Takes the count of steps back by those that {@link guard} kept from being applied. */
  takeBack(steps: number): void {
    for (const part of this.parts) if (part instanceof AdamW) part.steps -= steps;
  }

  /** Gives all memory back. */
  free(): void {
    for (const part of this.parts) part.free();
    const { x, square } = this.#scratch;
    [...x, ...square, this.guard].forEach((tensor) => this.device.free(tensor));
  }
}
