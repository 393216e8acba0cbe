// What attention reads and writes. CACHE: keys and values are in caches of S rows and sequence b's
// queries start at positions[b]; no lse is kept then. STARTS: query t of sequence b sees no key before
// starts[b·T + t].

struct Args {
  T: u32,
  S: u32,
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
//# else
@group(0) @binding(6) var<storage, read_write> lse: array<f32>;
//# end
//# if STARTS
@group(0) @binding(7) var<storage, read> starts: array<u32>;
//# end

