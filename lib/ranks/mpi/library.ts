/**
 * The few functions of an MPI library that ranks need: Open MPI's, or MPICH's and that of its kin.
 * The two differ in what a handle is: a pointer here, a number there.
 *
 * @module
 */
import { UserError } from "../../errors.ts";

/** Which of the two a library is. */
export type MpiKind = "Open MPI" | "MPICH";

/** Where the libraries lie, by operating system. */
const NAMES: Record<MpiKind, readonly string[]> = Deno.build.os === "darwin"
  ? {
    "Open MPI": [
      "libmpi.40.dylib",
      "/opt/homebrew/lib/libmpi.dylib",
      "/usr/local/lib/libmpi.dylib",
    ],
    "MPICH": ["libmpi.12.dylib", "libmpich.12.dylib", "/opt/homebrew/lib/libmpi.12.dylib"],
  }
  : { "Open MPI": ["libmpi.so.40"], "MPICH": ["libmpich.so.12", "libmpi.so.12"] };

/** Messages on their way, as the library knows them. */
export interface Requests {
  /** How many. */
  readonly count: number;
  /** The handles, one after the other. */
  readonly handles: Uint8Array<ArrayBuffer>;
  /** What became of each, one after the other. */
  readonly statuses: Uint8Array<ArrayBuffer>;
}

/** The functions, with handles and errors out of sight. */
export interface MpiLibrary {
  /** Which it is. */
  readonly kind: MpiKind;
  /** Joins the other processes; once. */
  init(): void;
  /** Which process this is, from 0. */
  rank(): number;
  /** How many there are. */
  size(): number;
  /** What MPI calls this machine. */
  processorName(): string;
  /** A place for the handles of so many messages. */
  requests(count: number): Requests;
  /** Begins to send bytes to a rank; they must stay where they are and as they are. */
  send(bytes: Uint8Array<ArrayBuffer>, to: number, requests: Requests, place: number): void;
  /** Begins to receive as many bytes as there is room for. */
  receive(bytes: Uint8Array<ArrayBuffer>, from: number, requests: Requests, place: number): void;
  /**
   * Lets messages go on; whether all of them have arrived.
   *
   * @throws {UserError} where one could not, or is longer than what it was to be received in.
   */
  test(requests: Requests): boolean;
  /** Bytes of a message that was received. */
  received(requests: Requests, place: number): number;
  /** Ends all processes. */
  abort(code: number): void;
  /** Leaves the other processes; waits for them. */
  finalize(): void;
}

/** Tag of all messages: those of a pair of ranks arrive in order. */
const TAG = 0;
/** `MPI_THREAD_FUNNELED`: only the main thread calls. */
const FUNNELED = 1;
/** `MPI_MAX_PROCESSOR_NAME` and `MPI_MAX_ERROR_STRING`: 256 in Open MPI, 128 and 512 in MPICH. */
const LONGEST_TEXT = 512;

/** `MPI_COMM_WORLD`, `MPI_BYTE` and `MPI_ERRORS_RETURN` in `mpi.h` of MPICH. */
const MPICH_WORLD = 0x44000000, MPICH_BYTE = 0x4c00010d, MPICH_ERRORS_RETURN = 0x54000001;

/** What both libraries have, with handles of type `H`. */
function symbolsWith<const H extends "pointer" | "i32">(handle: H) {
  return {
    MPI_Init_thread: { parameters: ["pointer", "pointer", "i32", "buffer"], result: "i32" },
    MPI_Comm_rank: { parameters: [handle, "buffer"], result: "i32" },
    MPI_Comm_size: { parameters: [handle, "buffer"], result: "i32" },
    MPI_Comm_set_errhandler: { parameters: [handle, handle], result: "i32" },
    MPI_Error_class: { parameters: ["i32", "buffer"], result: "i32" },
    MPI_Error_string: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
    MPI_Get_processor_name: { parameters: ["buffer", "buffer"], result: "i32" },
    MPI_Isend: {
      parameters: ["buffer", "i32", handle, "i32", "i32", handle, "buffer"],
      result: "i32",
    },
    MPI_Irecv: {
      parameters: ["buffer", "i32", handle, "i32", "i32", handle, "buffer"],
      result: "i32",
    },
    MPI_Testall: { parameters: ["i32", "buffer", "buffer", "buffer"], result: "i32" },
    MPI_Get_count: { parameters: ["buffer", handle, "buffer"], result: "i32" },
    MPI_Abort: { parameters: [handle, "i32"], result: "i32" },
    MPI_Finalize: { parameters: [], result: "i32" },
  } as const;
}

/**
 * Loads an MPI library.
 *
 * @param kinds Which are tried, in order.
 * @throws {UserError} where there is none; it says what to install.
 */
export function openMpiLibrary(kinds: readonly MpiKind[]): MpiLibrary {
  let cause: unknown;
  for (const kind of kinds) {
    for (const name of NAMES[kind]) {
      try {
        return kind === "Open MPI" ? openOpenMpi(name) : openMpich(name);
      } catch (error) {
        if (error instanceof Deno.errors.NotCapable) throw error;
        // Not there, or too strange to be used.
        cause = error;
      }
    }
  }
  throw new UserError(
    `no MPI library was found (${kinds.flatMap((kind) => NAMES[kind]).join(", ")}); ` +
      "install Open MPI: apt-get install openmpi-bin, dnf install openmpi or brew install open-mpi",
    { cause },
  );
}

function openOpenMpi(name: string): MpiLibrary {
  const { symbols } = Deno.dlopen(name, {
    ...symbolsWith("pointer"),
    // The addresses of these are the handles.
    ompi_mpi_comm_world: { type: "pointer" },
    ompi_mpi_byte: { type: "pointer" },
    ompi_mpi_errors_return: { type: "pointer" },
  });
  return wrap({
    kind: "Open MPI",
    symbols,
    world: symbols.ompi_mpi_comm_world,
    byte: symbols.ompi_mpi_byte,
    errorsReturn: symbols.ompi_mpi_errors_return,
    handleBytes: 8,
    status: { bytes: 24, error: 8 },
    classes: { truncated: 15, inStatus: 18, pending: 19 },
  });
}

function openMpich(name: string): MpiLibrary {
  return wrap({
    kind: "MPICH",
    symbols: Deno.dlopen(name, symbolsWith("i32")).symbols,
    world: MPICH_WORLD,
    byte: MPICH_BYTE,
    errorsReturn: MPICH_ERRORS_RETURN,
    handleBytes: 4,
    status: { bytes: 20, error: 16 },
    classes: { truncated: 14, inStatus: 17, pending: 18 },
  });
}

/** A library with handles of type `H`. */
interface Loaded<H> {
  kind: MpiKind;
  world: H;
  byte: H;
  errorsReturn: H;
  /** Size of an `MPI_Request`. */
  handleBytes: number;
  /** Size of an `MPI_Status`, and where in it the error is. */
  status: { bytes: number; error: number };
  /** `MPI_ERR_TRUNCATE`, `MPI_ERR_IN_STATUS`, `MPI_ERR_PENDING`. */
  classes: { truncated: number; inStatus: number; pending: number };
  symbols: {
    MPI_Init_thread(argc: null, argv: null, required: number, provided: Int32): number;
    MPI_Comm_rank(comm: H, rank: Int32): number;
    MPI_Comm_size(comm: H, size: Int32): number;
    MPI_Comm_set_errhandler(comm: H, handler: H): number;
    MPI_Error_class(code: number, errorClass: Int32): number;
    MPI_Error_string(code: number, text: Bytes, length: Int32): number;
    MPI_Get_processor_name(name: Bytes, length: Int32): number;
    MPI_Isend: Transfer<H>;
    MPI_Irecv: Transfer<H>;
    MPI_Testall(count: number, requests: Bytes, flag: Int32, statuses: Bytes): number;
    MPI_Get_count(status: Bytes, type: H, count: Int32): number;
    MPI_Abort(comm: H, code: number): number;
    MPI_Finalize(): number;
  };
}

type Bytes = Uint8Array<ArrayBuffer>;
type Int32 = Int32Array<ArrayBuffer>;
type Transfer<H> = (
  buffer: Bytes,
  count: number,
  type: H,
  peer: number,
  tag: number,
  comm: H,
  request: Bytes,
) => number;

function wrap<H>(loaded: Loaded<H>): MpiLibrary {
  const { kind, symbols, world, byte, errorsReturn, handleBytes, status, classes } = loaded;
  const into = offHeap(4, Int32Array);
  const numberFrom = (call: (into: Int32) => number) => {
    check(call(into));
    return into[0];
  };
  const textFrom = (call: (text: Bytes, length: Int32) => number) => {
    const text = offHeap(LONGEST_TEXT, Uint8Array);
    const length = numberFrom((into) => call(text, into));
    return new TextDecoder().decode(text.subarray(0, length));
  };
  const classOf = (code: number) => {
    symbols.MPI_Error_class(code, into);
    return into[0];
  };
  /** Throws what MPI says of an error; of its class, for MPICH tells of codes in many lines. */
  const check = (code: number) => {
    if (code === 0) return;
    const errorClass = classOf(code);
    if (errorClass === classes.truncated) throw disagreement();
    const words = textFrom((text, length) => symbols.MPI_Error_string(errorClass, text, length));
    throw new UserError(`${kind} could not reach the other ranks: ${words}`);
  };
  /** Throws what MPI says of several messages. */
  const checkAll = (code: number, { count, statuses }: Requests) => {
    if (code === 0 || classOf(code) !== classes.inStatus) return check(code);
    const view = new DataView(statuses.buffer);
    for (let i = 0; i < count; i++) {
      const own = view.getInt32(i * status.bytes + status.error, true);
      if (classOf(own) !== classes.pending) check(own);
    }
  };
  const transfer = (begin: Transfer<H>): MpiLibrary["send"] => (bytes, peer, requests, place) => {
    const request = requests.handles.subarray(place * handleBytes, (place + 1) * handleBytes);
    check(begin(bytes, bytes.length, byte, peer, TAG, world, request));
  };
  return {
    kind,
    init: () => {
      check(symbols.MPI_Init_thread(null, null, FUNNELED, into));
      check(symbols.MPI_Comm_set_errhandler(world, errorsReturn));
    },
    rank: () => numberFrom((into) => symbols.MPI_Comm_rank(world, into)),
    size: () => numberFrom((into) => symbols.MPI_Comm_size(world, into)),
    processorName: () => textFrom((name, length) => symbols.MPI_Get_processor_name(name, length)),
    requests: (count) => ({
      count,
      handles: offHeap(count * handleBytes, Uint8Array),
      statuses: offHeap(count * status.bytes, Uint8Array),
    }),
    send: transfer((...args) => symbols.MPI_Isend(...args)),
    receive: transfer((...args) => symbols.MPI_Irecv(...args)),
    test: (requests) => {
      const { count, handles, statuses } = requests;
      checkAll(symbols.MPI_Testall(count, handles, into, statuses), requests);
      return into[0] !== 0;
    },
    received: ({ statuses }, place) => {
      const its = statuses.subarray(place * status.bytes, (place + 1) * status.bytes);
      return numberFrom((into) => symbols.MPI_Get_count(its, byte, into));
    },
    abort: (code) => void symbols.MPI_Abort(world, code),
    finalize: () => check(symbols.MPI_Finalize()),
  };
}

/** The error where a rank has more or less for another than that one expects. */
export function disagreement(): UserError {
  return new UserError(
    "ranks differ in what they hand each other: all must run the same command on the same files",
  );
}

/** Memory that the garbage collector does not move, as it may that of small arrays. */
function offHeap<T>(
  bytes: number,
  type: new (buffer: ArrayBuffer) => T,
): T {
  return new type(new ArrayBuffer(bytes));
}
