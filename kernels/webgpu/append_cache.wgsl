// For new rows at positions[b] + t: their queries are rotated by it, then normalised and scaled, in
// place, their keys likewise into their cache, and their values are copied into theirs. A workgroup
// does 8 heads, 8 threads each; of a row's heads those of queries are the first, then those of keys.

struct Args {
  // Heads of all rows, query heads of a row, and its key/value heads.
  count: u32,
  H: u32,
  Hkv: u32,
  // Rows of a sequence, and rows of a cache.
  T: u32,
  S: u32,
  // Elements (of WIDTH numbers) in half a head.
  half: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> q: array<$HEADS>;
@group(0) @binding(2) var<storage, read> k: array<$HEADS>;
@group(0) @binding(3) var<storage, read> v: array<$HEADS>;
@group(0) @binding(4) var<storage, read_write> kCache: array<$HEADS>;
@group(0) @binding(5) var<storage, read_write> vCache: array<$HEADS>;
@group(0) @binding(6) var<storage, read> cosines: array<Element>;
@group(0) @binding(7) var<storage, read> sines: array<Element>;
@group(0) @binding(8) var<storage, read> positions: array<u32>;

var<workgroup> partials: array<f32, 64>;

// A head's halves at place j, rotated by the angles at place i.
fn rotated(x1: Element, x2: Element, i: u32) -> array<Element, 2> {
  return array(x1 * cosines[i] + x2 * sines[i], x2 * cosines[i] - x1 * sines[i]);
}

fn load(h: u32, i: u32) -> Element {
  if (h < args.H) { return $HEADS_WIDEN(q[i]); }
  return $HEADS_WIDEN(k[i]);
}

fn store(h: u32, i: u32, value: Element) {
  if (h < args.H) { q[i] = $HEADS_NARROW(value); } else { kCache[i] = $HEADS_NARROW(value); }
}

@compute @workgroup_size(8, 8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let head = flat_index(group, groups) * 8u + local.y;
  let heads = args.H + 2u * args.Hkv;
  let row = head / heads;
  let h = head % heads;
  let b = row / args.T;
  let position = positions[b] + row % args.T;
  let angles = position * args.half;
  // Which head it is where it lies, and where it goes.
  var own = row * args.H + h;
  var place = own;
  if (h >= args.H) {
    let among = (h - args.H) % args.Hkv;
    own = row * args.Hkv + among;
    place = (b * args.S + position) * args.Hkv + among;
  }
  let first = own * args.half * 2u;
  let to = place * args.half * 2u;
  let isValue = h >= args.H + args.Hkv;
  var squares = 0.0;
  if (head < args.count && !isValue) {
    for (var j = local.x; j < args.half; j += 8u) {
      let r = rotated(load(h, first + j), load(h, first + args.half + j), angles + j);
      squares += total(r[0] * r[0]) + total(r[1] * r[1]);
    }
  }
  partials[local.y * 8u + local.x] = squares;
  workgroupBarrier();
  if (head >= args.count) { return; }
  if (isValue) {
    for (var j = local.x; j < args.half * 2u; j += 8u) { vCache[to + j] = v[first + j]; }
    return;
  }
  var sum = 0.0;
//# for i < 8
  sum += partials[local.y * 8u + $[i]u];
//# end
  let factor = args.scale / sqrt(sum / f32(args.half * $[2 * WIDTH]u) + 0x1p-23);
  for (var j = local.x; j < args.half; j += 8u) {
    let r = rotated(load(h, first + j), load(h, first + args.half + j), angles + j);
    store(h, to + j, factor * r[0]);
    store(h, to + args.half + j, factor * r[1]);
  }
}
