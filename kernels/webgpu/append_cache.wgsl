// For new rows at positions[b] + t: their keys are rotated by it, then normalised and scaled, into their
// cache, and their values are copied into theirs. A workgroup does 8 heads, 8 threads each; of a row's
// heads those of keys are the first, then those of values.

struct Args {
  // Heads of keys and values of all rows, and key/value heads of a row.
  count: u32,
  Hkv: u32,
  // New rows of a sequence, and its pages.
  T: u32,
  N: u32,
  // Elements (of WIDTH numbers) in half a head.
  half: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read> k: array<$HEADS>;
@group(0) @binding(2) var<storage, read> v: array<$HEADS>;
@group(0) @binding(3) var<storage, read_write> kCache: array<$HEADS>;
@group(0) @binding(4) var<storage, read_write> vCache: array<$HEADS>;
@group(0) @binding(5) var<storage, read> cosines: array<Element>;
@group(0) @binding(6) var<storage, read> sines: array<Element>;
@group(0) @binding(7) var<storage, read> positions: array<u32>;
@group(0) @binding(8) var<storage, read> pages: array<u32>;

var<workgroup> partials: array<f32, 64>;

struct Rotated {
  first: Element,
  second: Element,
}

// Numbers of the two halves of a key, rotated.
fn rotated(i: u32, angle: u32) -> Rotated {
  let x1 = $HEADS_WIDEN(k[i]);
  let x2 = $HEADS_WIDEN(k[i + args.half]);
  let c = cosines[angle];
  let s = sines[angle];
  return Rotated(x1 * c + x2 * s, x2 * c - x1 * s);
}

@compute @workgroup_size(8, 8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let head = flat_index(group, groups) * 8u + local.y;
  let row = head / (2u * args.Hkv);
  let h = head % args.Hkv;
  let isValue = head % (2u * args.Hkv) >= args.Hkv;
  let b = row / args.T;
  let position = positions[b] + row % args.T;
  let angles = position * args.half;
  let page = pages[b * args.N + position / $[PAGE_ROWS]u];
  // Where the head lies, and where it goes.
  let first = (row * args.Hkv + h) * args.half * 2u;
  let place = page * $[PAGE_ROWS]u + position % $[PAGE_ROWS]u;
  let to = (place * args.Hkv + h) * args.half * 2u;
  var squares = 0.0;
  if (head < args.count && !isValue) {
    for (var j = local.x; j < args.half; j += 8u) {
      let r = rotated(first + j, angles + j);
      squares += total(r.first * r.first) + total(r.second * r.second);
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
    let r = rotated(first + j, angles + j);
    kCache[to + j] = $HEADS_NARROW(factor * r.first);
    kCache[to + args.half + j] = $HEADS_NARROW(factor * r.second);
  }
}
