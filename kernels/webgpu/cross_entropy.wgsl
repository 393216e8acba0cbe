// Cross-entropy of softcapped logits, a workgroup per row: losses[start + r] = log Σ exp z − z[target]
// with z = cap · tanh(logits / cap) over the first vocabSize columns, summed online (a running
// maximum, and the sum relative to it). GRADIENT: the logits are then overwritten by scale times the
// loss's gradient, 0 in padding columns.

struct Args {
  rows: u32,
  // Elements (of WIDTH numbers) in a row of logits.
  columns: u32,
  vocabSize: u32,
  // Where the rows are in losses and targets.
  start: u32,
  cap: f32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> logits: array<Element>;
@group(0) @binding(2) var<storage, read_write> losses: array<f32>;
@group(0) @binding(3) var<storage, read> targets: array<u32>;

const LOWEST = -1.0e30;

// (maximum, sum relative to it) of each thread.
var<workgroup> states: array<vec2f, 64>;
var<workgroup> targetValue: f32;

fn merge(a: vec2f, b: vec2f) -> vec2f {
  let highest = max(a.x, b.x);
  return vec2f(highest, a.y * exp(a.x - highest) + b.y * exp(b.x - highest));
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let row = flat_index(group, groups);
  if (row >= args.rows) { return; }
  let first = row * args.columns;
  let goal = targets[args.start + row];
  var state = vec2f(LOWEST, 0.0);
  for (var c = thread; c < args.columns; c += 64u) {
    let column = c * $[WIDTH]u;
    if (column >= args.vocabSize) { break; }
    let z = args.cap * tanh_precise(logits[first + c] / args.cap);
//# if WIDTH == 4
    let real = column + vec4u(0u, 1u, 2u, 3u) < vec4u(args.vocabSize);
    let kept = select(vec4f(LOWEST), z, real);
    let highest = max(max(max(kept.x, kept.y), max(kept.z, kept.w)), state.x);
    let sum = total(select(vec4f(), exp(kept - highest), real));
    if (goal - column < 4u) { targetValue = z[goal - column]; }
//# else
    let highest = max(z, state.x);
    let sum = exp(z - highest);
    if (goal == column) { targetValue = z; }
//# end
    state = vec2f(highest, state.y * exp(state.x - highest) + sum);
  }
  states[thread] = state;
  workgroupBarrier();
  if (thread < 8u) {
//# for i < 7
    state = merge(state, states[thread + $[8 * i + 8]u]);
//# end
    states[thread] = state;
  }
  workgroupBarrier();
  var all = states[0];
//# for i < 7
  all = merge(all, states[$[i + 1]]);
//# end
  let logSum = all.x + log(all.y);
  if (thread == 0u) { losses[args.start + row] = logSum - targetValue; }
//# if GRADIENT

  for (var c = thread; c < args.columns; c += 64u) {
    let column = c * $[WIDTH]u;
    let x = logits[first + c] / args.cap;
    var gradient = exp(args.cap * tanh_precise(x) - logSum);
//# if WIDTH == 4
    let columns = column + vec4u(0u, 1u, 2u, 3u);
    gradient -= select(vec4f(), vec4f(1.0), columns == vec4u(goal));
    gradient *= args.scale * tanh_slope(x);
    logits[first + c] = select(vec4f(), gradient, columns < vec4u(args.vocabSize));
//# else
    gradient -= select(0.0, 1.0, column == goal);
    gradient *= args.scale * tanh_slope(x);
    logits[first + c] = select(0.0, gradient, column < args.vocabSize);
//# end
  }
//# end
}
