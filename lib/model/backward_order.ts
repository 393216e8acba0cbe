import type { GPT } from "./gpt.ts";

/**
 * The names of a model's parameters in the order in which the backward pass finishes their
 * gradients, those that are final together in one list: the output layer; each block, with its value
 * embedding, from the last to the first; and all that every block or the first has a part in.
 */
export function backwardOrder(
  { config, parameters }: Pick<GPT, "config" | "parameters">,
): string[][] {
  const names = [...parameters.keys()];
  const blocks = Array.from({ length: config.nLayer }, (_, i) => {
    const layer = config.nLayer - 1 - i;
    return names.filter((name) =>
      name.startsWith(`transformer.h.${layer}.`) || name.startsWith(`value_embeds.${layer}.`)
    );
  });
  const first = [["lm_head.weight"], ...blocks];
  const rest = new Set(names).difference(new Set(first.flat()));
  return [...first, [...rest]];
}
