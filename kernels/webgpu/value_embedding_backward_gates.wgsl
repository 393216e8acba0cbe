// For each row n and head h whose id is among the bound rows of the table: the weight w = scale·s of
// the embedding, s = sigmoid(gate[h] · x[n, 0:G]), and the gradient w·(1−s)·(dv[n, h] ·
// table[ids[n], h]) of what the sigmoid was taken of.

struct Args {
  // (row, head) pairs.
  count: u32,
  heads: u32,
  // Elements (of WIDTH numbers) in a head.
  headColumns: u32,
  // Numbers in a row of x and of the gate.
  C: u32,
  G: u32,
  firstRow: u32,
  rows: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> gates: array<vec2f>;
@group(0) @binding(2) var<storage, read> dv: array<Element>;
@group(0) @binding(3) var<storage, read> table: array<$TABLE>;
@group(0) @binding(4) var<storage, read> ids: array<u32>;
@group(0) @binding(5) var<storage, read> x: array<$X>;
@group(0) @binding(6) var<storage, read> gate: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = flat_index(group, groups) * 64u + thread;
  if (i >= args.count) { return; }
  let n = i / args.heads;
  let head = i % args.heads;
  let row = ids[n] - args.firstRow;
  if (row >= args.rows) { return; }
  var product = 0.0;
  for (var g = 0u; g < args.G; g += 1u) {
    product += gate[head * args.G + g] * number_of_x(n * args.C + g);
  }
  let s = 1.0 / (1.0 + exp(-product));
  var gradient = 0.0;
  let embedding = (row * args.heads + head) * args.headColumns;
  for (var c = 0u; c < args.headColumns; c += 1u) {
    gradient += total(dv[i * args.headColumns + c] * $TABLE_WIDEN(table[embedding + c]));
  }
  gates[i] = vec2f(args.scale * s, args.scale * s * (1.0 - s) * gradient);
}
