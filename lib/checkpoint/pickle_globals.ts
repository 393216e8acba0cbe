import { UserError } from "../errors.ts";

/**
 * Something a pickle may name ("module.name") and, if it has `construct`, call.
 *
 * The machine never looks up code by name: it can only reach the globals its caller lists.
 */
export interface PickleGlobal {
  /** Makes a value from the arguments of the call. Absent for names that are only passed on. */
  construct?(args: unknown[]): unknown;
  /** Takes the state pickled along with a value that `construct` made. Absent: state is refused. */
  setState?(instance: unknown, state: unknown): void;
}

/** A listed global where a pickle holds it as a value, not yet called. */
export class NamedGlobal {
  constructor(readonly name: string, readonly definition: PickleGlobal) {}
}

/** A `collections.OrderedDict`; a `Map` that is written back as one. */
export class OrderedDict extends Map<unknown, unknown> {}

/**
 * A {@linkcode PickleGlobal} whose instances become a `Map` from attribute name to value. For
 * classes that are read for their contents and never run.
 */
export const attributesAsMap: PickleGlobal = {
  construct: () => new Map(),
  setState(instance, state) {
    if (!(state instanceof Map)) throw new UserError("its state is not a dict");
    for (const [name, value] of state) (instance as Map<unknown, unknown>).set(name, value);
  },
};

/**
 * What every pickle may use: plain Python values for which old protocols have no opcode.
 *
 * @param encodeBudget Characters that may be turned into bytes in all. An honest pickle encodes
 * each of its strings once; a hostile one could copy a long string again and again.
 */
export function pythonGlobals(encodeBudget: number): Readonly<Record<string, PickleGlobal>> {
  const emptyBytes: PickleGlobal = { construct: () => new Uint8Array() };
  return {
    // Its state is what torch hangs on a state dict (`_metadata`, versions of modules).
    "collections.OrderedDict": {
      construct(args) {
        if (args.length > 0) throw new UserError("an OrderedDict of Python 2");
        return new OrderedDict();
      },
      setState: () => {},
    },
    "__builtin__.bytes": emptyBytes,
    "builtins.bytes": emptyBytes,
    // Protocols 0 to 2 spell bytes as text of the same code points, to be encoded as latin1.
    "_codecs.encode": {
      construct([text, encoding]) {
        if (typeof text !== "string" || encoding !== "latin1") {
          throw new UserError("not the bytes of an old protocol");
        }
        encodeBudget -= text.length;
        if (encodeBudget < 0) throw new UserError("the same strings are copied over and over");
        return Uint8Array.from(text, (character) => character.charCodeAt(0));
      },
    },
  };
}
