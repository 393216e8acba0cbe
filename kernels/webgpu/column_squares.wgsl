// squares[column] = mean(x²) along each column of each matrix of a stack. A workgroup does 8 elements
// (of WIDTH columns), 8 threads each.

struct Args {
  // Elements in the rows of all matrices together, in a row, and rows of a matrix.
  count: u32,
  columns: u32,
  rows: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read_write> squares: array<Element>;

var<workgroup> partials: array<Element, 64>;

@compute @workgroup_size(8, 8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = flat_index(group, groups) * 8u + local.x;
  var sum = Element();
  if (i < args.count) {
    let first = i / args.columns * args.rows * args.columns + i % args.columns;
    for (var r = local.y; r < args.rows; r += 8u) {
      let value = x[first + r * args.columns];
      sum += value * value;
    }
  }
  partials[local.y * 8u + local.x] = sum;
  workgroupBarrier();
  if (local.y > 0u || i >= args.count) { return; }
//# for i < 7
  sum += partials[$[8 * i + 8]u + local.x];
//# end
  squares[i] = sum / f32(args.rows);
}
