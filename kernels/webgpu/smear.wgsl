// out_t = x_t + lambda · sigmoid(gate · x_t[0:G]) · x_{t−1}, a workgroup per row.
// PREVIOUS: whether there is a row before the first. STARTS: before row t there is none where starts_t = t.

alias Reduced = f32;

struct Args {
  rows: u32,
  // Elements (of WIDTH numbers) in a row and in the gate.
  columns: u32,
  gateColumns: u32,
  T: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> out: array<Element>;
@group(0) @binding(2) var<storage, read> x: array<Element>;
@group(0) @binding(3) var<storage, read> gate: array<Element>;
@group(0) @binding(4) var<storage, read> lambda: array<f32>;
//# if PREVIOUS
@group(0) @binding(5) var<storage, read> previous: array<Element>;
//# end
//# if STARTS
@group(0) @binding(6) var<storage, read> starts: array<u32>;
//# end

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  invocation: Invocation,
) {
  let thread = invocation.thread;
  let row = flat_index(group, groups);
  if (row >= args.rows) { return; }
  let first = row * args.columns;
  var products = 0.0;
  for (var c = thread; c < args.gateColumns; c += 64u) {
    products += total(gate[c] * x[first + c]);
  }
  let weight = lambda[0] / (1.0 + exp(-workgroup_sum(products, invocation)));
//# if STARTS
  let start = row % args.T == starts[row];
//# else
  let start = row % args.T == 0u;
//# end
  for (var c = thread; c < args.columns; c += 64u) {
    var before = Element();
    if (!start) { before = x[first - args.columns + c]; }
//# if PREVIOUS
    if (start) { before = previous[row / args.T * args.columns + c]; }
//# end
    out[first + c] = x[first + c] + weight * before;
  }
}
