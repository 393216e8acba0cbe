import { UserError } from "../errors.ts";
import { ByteReader, quote } from "./byte_reader.ts";
import { NamedGlobal, type PickleGlobal, pythonGlobals } from "./pickle_globals.ts";
import { parseFloatLine, parseIntegerLine, parseRepr, parseUnicodeLine } from "./pickle_text.ts";

/** Options of {@linkcode unpickle}. */
export interface UnpickleOptions {
  /** What the pickle may name, by `"module.name"`; everything else is refused. */
  globals?: Readonly<Record<string, PickleGlobal>>;
  /** Turns a persistent id (torch: a storage) into a value. Absent: persistent ids are refused. */
  persistentLoad?(id: unknown): unknown;
  /** What error messages call the input, for example the file's path. Default `"pickle"`. */
  source?: string;
}

/**
 * Reads a Python pickle of protocol 0 to 5 without running any code it names.
 *
 * Dicts become `Map` (keys may be numbers), `OrderedDict` becomes `OrderedDict`, tuples
 * and lists become arrays, sets `Set`, bytes and bytearrays `Uint8Array`, `None` `null`, ints
 * numbers (bigint beyond 2^53). Objects come from `options.globals` only. Time and memory are
 * bounded by the length of the input.
 *
 * @throws {UserError} if the pickle is truncated or malformed, or names something not listed.
 *
 * @example
 * ```ts
 * import { unpickle } from "@nanochat/sft/checkpoint";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new TextEncoder().encode("(lp0\nI1\naI2\na."); // [1, 2] in protocol 0
 * assertEquals(unpickle(bytes), [1, 2]);
 * ```
 */
export function unpickle(bytes: Uint8Array, options: UnpickleOptions = {}): unknown {
  return new Unpickler(bytes, options).run();
}

/** Integers longer than this serve no checkpoint and cost more than linear time to build. */
const MAX_INTEGER_BYTES = 1024;

/** The stack machine; opcodes are documented in CPython's `pickletools.py`. */
class Unpickler {
  readonly #in: ByteReader;
  readonly #options: UnpickleOptions;
  readonly #stack: unknown[] = [];
  /** Stack heights at each open MARK. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, unknown>();
  readonly #globals = new Map<string, NamedGlobal>();
  /** Which global made an object, to give later state to the same one. */
  readonly #makers = new WeakMap<WeakKey, NamedGlobal>();
  /** State already given. Python pickles it once per object; repeats could cost any time. */
  readonly #usedStates = new WeakSet<WeakKey>();
  readonly #pythonGlobals: Readonly<Record<string, PickleGlobal>>;

  constructor(bytes: Uint8Array, options: UnpickleOptions) {
    this.#options = options;
    this.#in = new ByteReader(bytes, options.source ?? "pickle");
    this.#pythonGlobals = pythonGlobals(bytes.length);
  }

  run(): unknown {
    for (;;) {
      const opcode = String.fromCharCode(this.#in.u8());
      if (opcode === ".") {
        const result = this.#pop();
        if (this.#marks.length > 0) this.#fail("stops inside an open list");
        return result;
      }
      this.#step(opcode);
    }
  }

  #step(opcode: string): void {
    const input = this.#in;
    switch (opcode) {
      // Framing
      case "\x80":
        if (input.u8() > 5) this.#fail("is of a protocol newer than 5");
        return;
      case "\x95":
        input.skip(8);
        return;
      // Constants and numbers
      case "N":
        return this.#push(null);
      case "\x88":
        return this.#push(true);
      case "\x89":
        return this.#push(false);
      case "K":
        return this.#push(input.u8());
      case "M":
        return this.#push(input.u16());
      case "J":
        return this.#push(input.i32());
      case "\x8a":
        return this.#push(this.#integer(input.u8()));
      case "\x8b":
        return this.#push(this.#integer(input.i32()));
      case "G":
        return this.#push(input.f64BigEndian());
      case "I":
      case "L":
        return this.#push(this.#parsed(parseIntegerLine(input.line())));
      case "F":
        return this.#push(this.#parsed(parseFloatLine(input.line())));
      // Text and bytes
      case "\x8c":
      case "U":
        return this.#push(input.text(input.u8()));
      case "X":
      case "T":
        return this.#push(input.text(input.u32()));
      case "\x8d":
        return this.#push(input.text(input.u64()));
      case "V":
        return this.#push(this.#parsed(parseUnicodeLine(input.line())));
      case "S":
        return this.#push(this.#parsed(parseRepr(input.line())));
      case "C":
        return this.#push(input.take(input.u8()));
      case "B":
        return this.#push(input.take(input.u32()));
      case "\x8e":
      case "\x96":
        return this.#push(input.take(input.u64()));
      // Tuples and lists
      case ")":
      case "]":
        return this.#push([]);
      case "t":
      case "l":
        return this.#push(this.#popMark());
      case "\x85":
        return this.#push(this.#popMany(1));
      case "\x86":
        return this.#push(this.#popMany(2));
      case "\x87":
        return this.#push(this.#popMany(3));
      case "a":
        return this.#append(this.#popMany(1));
      case "e":
        return this.#append(this.#popMark());
      // Dicts and sets
      case "}":
        return this.#push(new Map());
      case "d": {
        const items = this.#popMark();
        this.#push(new Map());
        return this.#setItems(items);
      }
      case "s":
        return this.#setItems(this.#popMany(2));
      case "u":
        return this.#setItems(this.#popMark());
      case "\x8f":
        return this.#push(new Set());
      case "\x90":
        return this.#addItems(this.#popMark());
      case "\x91":
        return this.#push(new Set(this.#popMark()));
      // Stack and memo
      case "(":
        this.#marks.push(this.#stack.length);
        return;
      case "0":
        if (this.#marks.at(-1) === this.#stack.length) this.#marks.pop();
        else this.#pop();
        return;
      case "1":
        this.#popMark();
        return;
      case "2":
        return this.#push(this.#top());
      case "q":
        return this.#put(input.u8());
      case "r":
        return this.#put(input.u32());
      case "p":
        return this.#put(Number(this.#parsed(parseIntegerLine(input.line()))));
      case "\x94":
        return this.#put(this.#memo.size);
      case "h":
        return this.#push(this.#get(input.u8()));
      case "j":
        return this.#push(this.#get(input.u32()));
      case "g":
        return this.#push(this.#get(Number(this.#parsed(parseIntegerLine(input.line())))));
      // Objects
      case "c":
        return this.#push(this.#global(input.line(), input.line()));
      case "\x93": {
        const [module, name] = this.#popMany(2);
        if (typeof module !== "string" || typeof name !== "string") this.#fail("names no class");
        return this.#push(this.#global(module, name));
      }
      case "R":
      case "\x81": {
        const [callee, args] = this.#popMany(2);
        return this.#call(callee, args);
      }
      case "\x92": {
        const [callee, args, keywords] = this.#popMany(3);
        if (!(keywords instanceof Map) || keywords.size > 0) {
          this.#fail("calls with keyword arguments");
        }
        return this.#call(callee, args);
      }
      case "i": {
        const callee = this.#global(input.line(), input.line());
        return this.#call(callee, this.#popMark());
      }
      case "o": {
        const [callee, ...args] = this.#popMark();
        return this.#call(callee, args);
      }
      case "b":
        return this.#build(this.#pop());
      case "P":
        return this.#push(this.#persistent(input.line()));
      case "Q":
        return this.#push(this.#persistent(this.#pop()));
      default:
        this.#fail(`has an unknown opcode ${quote(opcode)}`);
    }
  }

  #fail(what: string): never {
    throw new UserError(
      `${this.#in.source}: its pickle ${what} (near byte ${this.#in.position}); the file is damaged or not what it seems`,
    );
  }

  #parsed<T>(value: T | undefined): T {
    return value === undefined ? this.#fail("holds a malformed number or string") : value;
  }

  #push(value: unknown): void {
    this.#stack.push(value);
  }

  /** Values above the innermost MARK are all an opcode may take. */
  #available(): number {
    return this.#stack.length - (this.#marks.at(-1) ?? 0);
  }

  #top(): unknown {
    if (this.#available() < 1) this.#fail("takes a value that is not there");
    return this.#stack.at(-1);
  }

  #pop(): unknown {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #popMany(count: number): unknown[] {
    if (this.#available() < count) this.#fail("takes values that are not there");
    return this.#stack.splice(this.#stack.length - count);
  }

  #popMark(): unknown[] {
    const mark = this.#marks.pop();
    if (mark === undefined) this.#fail("closes a list that was not opened");
    return this.#stack.splice(mark);
  }

  #append(items: unknown[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) this.#fail("appends to what is not a list");
    for (const item of items) list.push(item);
  }

  #setItems(items: unknown[]): void {
    const map = this.#top();
    if (!(map instanceof Map) || items.length % 2 !== 0) this.#fail("fills what is not a dict");
    for (let i = 0; i < items.length; i += 2) {
      map.set(items[i], items[i + 1]);
    }
  }

  #addItems(items: unknown[]): void {
    const set = this.#top();
    if (!(set instanceof Set)) this.#fail("adds to what is not a set");
    for (const item of items) set.add(item);
  }

  #put(index: number): void {
    this.#memo.set(index, this.#top());
  }

  #get(index: number): unknown {
    if (!this.#memo.has(index)) this.#fail(`recalls memo ${index}, which was never stored`);
    return this.#memo.get(index);
  }

  /** A two's-complement little-endian integer of `length` bytes. */
  #integer(length: number): number | bigint {
    if (length < 0 || length > MAX_INTEGER_BYTES) this.#fail(`has an integer of ${length} bytes`);
    const bytes = this.#in.take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]);
    value = BigInt.asIntN(8 * length, value);
    const small = Number(value);
    return Number.isSafeInteger(small) ? small : value;
  }

  #global(module: string, name: string): NamedGlobal {
    const fullName = `${module}.${name}`;
    const known = this.#globals.get(fullName);
    if (known !== undefined) return known;
    const definition = [this.#options.globals ?? {}, this.#pythonGlobals]
      .find((list) => Object.hasOwn(list, fullName))?.[fullName];
    if (definition === undefined) {
      throw new UserError(
        `${this.#in.source}: its pickle asks for ${
          quote(fullName)
        }, which is not on the list of what may be loaded; nothing of it was run`,
      );
    }
    const global = new NamedGlobal(fullName, definition);
    this.#globals.set(fullName, global);
    return global;
  }

  #call(callee: unknown, args: unknown): void {
    if (!(callee instanceof NamedGlobal) || !Array.isArray(args)) {
      this.#fail("calls what cannot be called");
    }
    if (callee.definition.construct === undefined) this.#fail(`calls ${quote(callee.name)}`);
    const value = this.#inside(callee, () => callee.definition.construct!(args));
    if (typeof value === "object" && value !== null) this.#makers.set(value, callee);
    this.#push(value);
  }

  #build(state: unknown): void {
    const instance = this.#top();
    const maker = typeof instance === "object" && instance !== null
      ? this.#makers.get(instance)
      : undefined;
    if (maker?.definition.setState === undefined) {
      this.#fail("gives state to what takes none");
    }
    if (typeof state === "object" && state !== null) {
      if (this.#usedStates.has(state)) this.#fail("gives one state to several objects");
      this.#usedStates.add(state);
    }
    this.#inside(maker, () => maker.definition.setState!(instance, state));
  }

  #persistent(id: unknown): unknown {
    const load = this.#options.persistentLoad;
    if (load === undefined) this.#fail("refers to data outside itself");
    return load(id);
  }

  /** Runs a caller's function; a complaint of it is completed with where it happened. */
  #inside<T>(global: NamedGlobal, run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      if (error.message.startsWith(this.#in.source)) throw error;
      throw new UserError(`${this.#in.source}: ${global.name}: ${error.message}`);
    }
  }
}
