// In place, for each head of each row: rotate by position, then x = scale · r / sqrt(mean(r²) + eps).
// A workgroup does 8 heads, 8 threads each. RSTD: whether 1/sqrt(…) is kept. POSITIONS: sequence b's
// rows start at positions[b].

struct Args {
  // Heads of all rows, and heads of a row.
  count: u32,
  heads: u32,
  T: u32,
  // Elements (of WIDTH numbers) in half a head.
  half: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> x: array<$X>;
@group(0) @binding(2) var<storage, read> cosines: array<Element>;
@group(0) @binding(3) var<storage, read> sines: array<Element>;
//# if RSTD
@group(0) @binding(4) var<storage, read_write> rstd: array<f32>;
//# end
//# if POSITIONS
@group(0) @binding(5) var<storage, read> positions: array<u32>;
//# end

var<workgroup> partials: array<f32, 64>;

struct Rotated {
  first: Element,
  second: Element,
}

// Numbers of the two halves of a head, rotated.
fn rotated(i: u32, angle: u32) -> Rotated {
  let x1 = $X_WIDEN(x[i]);
  let x2 = $X_WIDEN(x[i + args.half]);
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
  let row = head / args.heads;
  let first = head * args.half * 2u;
  var position = row % args.T;
//# if POSITIONS
  position += positions[row / args.T];
//# end
  let angles = position * args.half;
  var squares = 0.0;
  if (head < args.count) {
    for (var j = local.x; j < args.half; j += 8u) {
      let r = rotated(first + j, angles + j);
      squares += total(r.first * r.first) + total(r.second * r.second);
    }
  }
  partials[local.y * 8u + local.x] = squares;
  workgroupBarrier();
  if (head >= args.count) { return; }
  var sum = 0.0;
//# for i < 8
  sum += partials[local.y * 8u + $[i]u];
//# end
  let norm = 1.0 / sqrt(sum / f32(args.half * $[2 * WIDTH]u) + 0x1p-23);
//# if RSTD
  if (local.x == 0u) { rstd[head] = norm; }
//# end
  for (var j = local.x; j < args.half; j += 8u) {
    let r = rotated(first + j, angles + j);
    x[first + j] = $X_NARROW(r.first * (args.scale * norm));
    x[first + args.half + j] = $X_NARROW(r.second * (args.scale * norm));
  }
}
