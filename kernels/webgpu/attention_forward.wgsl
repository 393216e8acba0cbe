// What attention reads and writes. CACHE: keys and values are in pages of caches, N for each sequence,
// and sequence b's queries start at positions[b]; no lse is kept then. STARTS: query t of sequence b
// sees no key before starts[b·T + t].

struct Args {
  T: u32,
//# if CACHE
  N: u32,
//# end
  H: u32,
  Hkv: u32,
  window: u32,
  scale: f32,
  // Elements of a head.
  columns: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> out: array<$PART>;
@group(0) @binding(2) var<storage, read> q: array<$PART>;
@group(0) @binding(3) var<storage, read> k: array<$PART>;
@group(0) @binding(4) var<storage, read> v: array<$PART>;
//# if CACHE
@group(0) @binding(5) var<storage, read> positions: array<u32>;
@group(0) @binding(6) var<storage, read> pages: array<u32>;
//# else
@group(0) @binding(5) var<storage, read_write> lse: array<f32>;
//# end
//# if STARTS
@group(0) @binding(6) var<storage, read> starts: array<u32>;
//# end

// The row that the key of a sequence has among all keys. A tile of keys ends with its page or before.
fn row_of_key(b: u32, key: u32) -> u32 {
//# if CACHE
  return pages[b * args.N + key / $[PAGE_ROWS]u] * $[PAGE_ROWS]u + key % $[PAGE_ROWS]u;
//# else
  return b * args.T + key;
//# end
}

