/**
 * What a file says of an optimizer, in the order of its parameters: nanochat's two optimizers until
 * January 2026, a list of two trees, and its one since then.
 *
 * @module
 */
import { UserError } from "../../errors.ts";

/** The state of a parameter, or of a group under its first parameter: entries by PyTorch's names. */
export type SavedEntries = ReadonlyMap<unknown, unknown>;

/** A group of parameters in a file. */
export interface SavedGroup {
  /** Which optimizer it is of. */
  kind: "adamw" | "muon";
  /** Its settings. */
  settings: ReadonlyMap<unknown, unknown>;
  /** The state of each of its parameters, in order; empty where the file has none. */
  state: SavedEntries[];
}

/** The groups of a file. */
export interface SavedGroups {
  /** AdamW's, in order. */
  adamw: SavedGroup[];
  /** Muon's, in order. */
  muon: SavedGroup[];
  /** Numbers under which there is state that is no group's. */
  unused: unknown[];
}

/**
 * The groups that a file's tree holds.
 *
 * @param tree What the torch reader gave for the file.
 * @throws {UserError} when it is no state of these optimizers.
 */
export function savedGroups(tree: unknown): SavedGroups {
  if (Array.isArray(tree) && tree.length === 2) {
    const [adamw, muon] = tree.map((tree, i) => readTree(tree, () => i === 0 ? "adamw" : "muon"));
    return { adamw: adamw.adamw, muon: muon.muon, unused: [...adamw.unused, ...muon.unused] };
  }
  return readTree(tree, (settings) => settings.get("kind"));
}

function readTree(
  tree: unknown,
  kindOf: (settings: ReadonlyMap<unknown, unknown>) => unknown,
): SavedGroups {
  const [state, groups] = ["state", "param_groups"].map((key) =>
    tree instanceof Map ? tree.get(key) : undefined
  );
  if (!(state instanceof Map) || !Array.isArray(groups)) {
    throw new UserError("it holds no optimizer state");
  }
  const saved: SavedGroups = { adamw: [], muon: [], unused: [] };
  const unused = new Set(state.keys());
  for (const [i, group] of groups.entries()) {
    const settings: ReadonlyMap<unknown, unknown> = group instanceof Map ? group : new Map();
    const kind = kindOf(settings);
    if (kind !== "adamw" && kind !== "muon") {
      throw new UserError(`its group ${i} is neither AdamW's nor Muon's`);
    }
    // A parameter's number only says where its state is; PyTorch goes by the order too.
    const ids: unknown = settings.get("params");
    const entries = (Array.isArray(ids) ? ids : []).map((id): SavedEntries => {
      const entry: unknown = state.get(id);
      unused.delete(id);
      return entry instanceof Map ? entry : new Map();
    });
    saved[kind].push({ kind, settings, state: entries });
  }
  return { ...saved, unused: [...unused] };
}
