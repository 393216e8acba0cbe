/**
 * What campaigns share: each is a test that plays something very often. As it is it plays its short
 * form, `deno test -A tests/campaigns/NAME_test.ts -- --long` plays the long one.
 */

/** Whether the long form was asked for. */
export const isLong = Deno.args.includes("--long");

/** Prints what a campaign counted and measured, as one line. */
export function printFigures(campaign: string, figures: Record<string, number | string>): void {
  const words = Object.entries(figures).map(([name, value]) => `${value} ${name}`);
  console.log(`${campaign}: ${words.join(", ")}`);
}
