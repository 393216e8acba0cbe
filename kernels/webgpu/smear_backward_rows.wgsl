// For each row of smear: its gate s_t = sigmoid(gate · x_t[0:G]) and dout_t · x_{t−1}, both 0 for
// t = 0, or (STARTS) for t = starts_t. A workgroup per row.

alias Reduced = vec2f;

struct Args {
  rows: u32,
  // Elements (of WIDTH numbers) in a row and in the gate.
  columns: u32,
  gateColumns: u32,
  T: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> gates: array<vec2f>;
@group(0) @binding(2) var<storage, read> x: array<Element>;
@group(0) @binding(3) var<storage, read> dout: array<Element>;
@group(0) @binding(4) var<storage, read> gate: array<Element>;
//# if STARTS
@group(0) @binding(5) var<storage, read> starts: array<u32>;
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
//# if STARTS
  let start = row % args.T == starts[row];
//# else
  let start = row % args.T == 0u;
//# end
  let first = row * args.columns;
  var sums = vec2f();
  if (!start) {
    for (var c = thread; c < args.gateColumns; c += 64u) {
      sums.x += total(gate[c] * x[first + c]);
    }
    for (var c = thread; c < args.columns; c += 64u) {
      sums.y += total(dout[first + c] * x[first - args.columns + c]);
    }
  }
  let all = workgroup_sum(sums, invocation);
  if (thread == 0u) {
    gates[row] = select(vec2f(1.0 / (1.0 + exp(-all.x)), all.y), vec2f(), start);
  }
}
