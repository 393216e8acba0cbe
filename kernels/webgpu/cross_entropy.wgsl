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

alias Reduced = f32;

const LOWEST = -1.0e30;

var<workgroup> targetValue: f32;

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
  let goal = targets[args.start + row];
  var highest = LOWEST;
  var sum = 0.0;
  for (var c = thread; c < args.columns; c += 64u) {
    let column = c * $[WIDTH]u;
    if (column >= args.vocabSize) { break; }
    let z = args.cap * tanh_precise(logits[first + c] / args.cap);
//# if WIDTH == 4
    let real = column + vec4u(0u, 1u, 2u, 3u) < vec4u(args.vocabSize);
    let kept = select(vec4f(LOWEST), z, real);
    let higher = max(max(max(kept.x, kept.y), max(kept.z, kept.w)), highest);
    let share = total(select(vec4f(), exp(kept - higher), real));
    if (goal - column < 4u) { targetValue = z[goal - column]; }
//# else
    let higher = max(z, highest);
    let share = exp(z - higher);
    if (goal == column) { targetValue = z; }
//# end
    sum = sum * exp(highest - higher) + share;
    highest = higher;
  }
  let all = workgroup_max(highest, invocation);
  let logSum = all + log(workgroup_sum(sum * exp(highest - all), invocation));
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
