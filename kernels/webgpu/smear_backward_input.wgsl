// dx_t = dout_t + lambda · s_{t+1} · dout_{t+1} + lambda · (dout_t · x_{t−1}) · s_t · (1 − s_t) ·
// gate, the last in the first G columns alone, from what smear_backward_rows found.

struct Args {
  count: u32,
  // Elements (of WIDTH numbers) in a row and in the gate.
  columns: u32,
  gateColumns: u32,
  T: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> dx: array<Element>;
@group(0) @binding(2) var<storage, read> dout: array<Element>;
@group(0) @binding(3) var<storage, read> gates: array<vec2f>;
@group(0) @binding(4) var<storage, read> gate: array<Element>;
@group(0) @binding(5) var<storage, read> lambda: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = flat_index(group, groups) * 64u + thread;
  if (i >= args.count) { return; }
  let row = i / args.columns;
  let c = i % args.columns;
  var gradient = dout[i];
  if (row % args.T + 1u < args.T) {
    gradient += lambda[0] * gates[row + 1u].x * dout[i + args.columns];
  }
  if (c < args.gateColumns) {
    let s = gates[row];
    gradient += lambda[0] * s.y * s.x * (1.0 - s.x) * gate[c];
  }
  dx[i] = gradient;
}
