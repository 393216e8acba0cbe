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

/** A message on its way, as the library knows it. */
export interface Requests {
  /** How many. */
  readonly count: number;
  /** The handles, one after the other. */
  readonly handles: Uint8Array<ArrayBuffer>;
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
  /** Lets messages go on; whether all of them have arrived. */
  test(requests: Requests): boolean;
  /** Ends all processes. */
  abort(code: number): void;
  /** Leaves the other processes; waits for them. */
  finalize(): void;
}

/** Tag of all messages: those of a pair of ranks arrive in order. */
const TAG = 0;
/** `MPI_THREAD_FUNNELED`: only the main thread calls. */
const FUNNELED = 1;
/** `MPI_MAX_PROCESSOR_NAME`, of which Open MPI's and MPICH's are 256 and 128. */
const LONGEST_NAME = 256;

/** `MPI_COMM_WORLD`, `MPI_BYTE` and `MPI_STATUSES_IGNORE` in `mpi.h` of MPICH. */
const MPICH_WORLD = 0x44000000, MPICH_BYTE = 0x4c00010d, MPICH_IGNORE = 1n;

/** What both libraries have, with handles of type `H`. */
function symbolsWith<const H extends "pointer" | "i32">(handle: H) {
  return {
    MPI_Init_thread: { parameters: ["pointer", "pointer", "i32", "buffer"], result: "i32" },
    MPI_Comm_rank: { parameters: [handle, "buffer"], result: "i32" },
    MPI_Comm_size: { parameters: [handle, "buffer"], result: "i32" },
    MPI_Get_processor_name: { parameters: ["buffer", "buffer"], result: "i32" },
    MPI_Isend: {
      parameters: ["buffer", "i32", handle, "i32", "i32", handle, "buffer"],
      result: "i32",
    },
    MPI_Irecv: {
      parameters: ["buffer", "i32", handle, "i32", "i32", handle, "buffer"],
      result: "i32",
    },
    MPI_Testall: { parameters: ["i32", "buffer", "buffer", "pointer"], result: "i32" },
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
  for (const kind of kinds) {
    for (const name of NAMES[kind]) {
      try {
        return kind === "Open MPI" ? openOpenMpi(name) : openMpich(name);
      } catch (error) {
        // Not there, or too strange to be used.
        if (!(error instanceof Error)) throw error;
      }
    }
  }
  throw new UserError(
    `no MPI library was found (${kinds.flatMap((kind) => NAMES[kind]).join(", ")}); ` +
      "install Open MPI: apt-get install openmpi-bin, dnf install openmpi or brew install open-mpi",
  );
}

function openOpenMpi(name: string): MpiLibrary {
  const { symbols } = Deno.dlopen(name, {
    ...symbolsWith("pointer"),
    // The addresses of these are the handles.
    ompi_mpi_comm_world: { type: "pointer" },
    ompi_mpi_byte: { type: "pointer" },
  });
  const handles = { world: symbols.ompi_mpi_comm_world, byte: symbols.ompi_mpi_byte };
  return wrap({ kind: "Open MPI", symbols, ...handles, ignore: null, handleBytes: 8 });
}

function openMpich(name: string): MpiLibrary {
  const { symbols } = Deno.dlopen(name, symbolsWith("i32"));
  const handles = { world: MPICH_WORLD, byte: MPICH_BYTE };
  const ignore = Deno.UnsafePointer.create(MPICH_IGNORE);
  return wrap({ kind: "MPICH", symbols, ...handles, ignore, handleBytes: 4 });
}

/** A library with handles of type `H`. */
interface Loaded<H> {
  kind: MpiKind;
  world: H;
  byte: H;
  /** `MPI_STATUSES_IGNORE` */
  ignore: Deno.PointerValue;
  /** Size of an `MPI_Request`. */
  handleBytes: number;
  symbols: {
    MPI_Init_thread(argc: null, argv: null, required: number, provided: Int32Array): number;
    MPI_Comm_rank(comm: H, rank: Int32Array<ArrayBuffer>): number;
    MPI_Comm_size(comm: H, size: Int32Array<ArrayBuffer>): number;
    MPI_Get_processor_name(name: Uint8Array<ArrayBuffer>, length: Int32Array<ArrayBuffer>): number;
    MPI_Isend: Transfer<H>;
    MPI_Irecv: Transfer<H>;
    MPI_Testall(
      count: number,
      requests: Uint8Array<ArrayBuffer>,
      flag: Int32Array<ArrayBuffer>,
      statuses: Deno.PointerValue,
    ): number;
    MPI_Abort(comm: H, code: number): number;
    MPI_Finalize(): number;
  };
}

type Transfer<H> = (
  buffer: Uint8Array<ArrayBuffer>,
  count: number,
  type: H,
  peer: number,
  tag: number,
  comm: H,
  request: Uint8Array<ArrayBuffer>,
) => number;

function wrap<H>({ kind, symbols, world, byte, ignore, handleBytes }: Loaded<H>): MpiLibrary {
  const flag = offHeap(4, Int32Array);
  const numberFrom = (call: (into: Int32Array<ArrayBuffer>) => number) => {
    check(call(flag));
    return flag[0];
  };
  const transfer = (begin: Transfer<H>): MpiLibrary["send"] => (bytes, peer, requests, place) => {
    const request = requests.handles.subarray(place * handleBytes, (place + 1) * handleBytes);
    check(begin(bytes, bytes.length, byte, peer, TAG, world, request));
  };
  return {
    kind,
    init: () => check(symbols.MPI_Init_thread(null, null, FUNNELED, flag)),
    rank: () => numberFrom((into) => symbols.MPI_Comm_rank(world, into)),
    size: () => numberFrom((into) => symbols.MPI_Comm_size(world, into)),
    processorName: () => {
      const name = offHeap(LONGEST_NAME, Uint8Array);
      const length = numberFrom((into) => symbols.MPI_Get_processor_name(name, into));
      return new TextDecoder().decode(name.subarray(0, length));
    },
    requests: (count) => ({ count, handles: offHeap(count * handleBytes, Uint8Array) }),
    send: transfer((...args) => symbols.MPI_Isend(...args)),
    receive: transfer((...args) => symbols.MPI_Irecv(...args)),
    test: ({ count, handles }) =>
      numberFrom((into) => symbols.MPI_Testall(count, handles, into, ignore)) !== 0,
    abort: (code) => void symbols.MPI_Abort(world, code),
    finalize: () => check(symbols.MPI_Finalize()),
  };
}

/** Memory that the garbage collector does not move, as it may that of small arrays. */
function offHeap<T>(
  bytes: number,
  type: new (buffer: ArrayBuffer) => T,
): T {
  return new type(new ArrayBuffer(bytes));
}

/** MPI ends the program on errors unless it is told not to; this is for what it returns all the same. */
function check(code: number): void {
  if (code !== 0) throw new Error(`MPI failed with error ${code}`);
}
