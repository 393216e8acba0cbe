// v[n, h] += scale · sigmoid(gate[h] · x[n, 0:G]) · table[ids[n], h], for the ids among the rows of the
// table that are bound.

struct Args {
  count: u32,
  // Elements (of WIDTH numbers) in a row of v and in a head of it.
  columns: u32,
  headColumns: u32,
  // Numbers in a row of x and of the gate.
  C: u32,
  G: u32,
  firstRow: u32,
  rows: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> v: array<$V>;
@group(0) @binding(2) var<storage, read> table: array<$TABLE>;
@group(0) @binding(3) var<storage, read> ids: array<u32>;
@group(0) @binding(4) var<storage, read> x: array<$X>;
@group(0) @binding(5) var<storage, read> gate: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = flat_index(group, groups) * 64u + thread;
  if (i >= args.count) { return; }
  let n = i / args.columns;
  let column = i % args.columns;
  let row = ids[n] - args.firstRow;
  if (row >= args.rows) { return; }
  let head = column / args.headColumns;
  var product = 0.0;
  for (var g = 0u; g < args.G; g += 1u) {
    product += gate[head * args.G + g] * number_of_x(n * args.C + g);
  }
  let weight = args.scale / (1.0 + exp(-product));
  let embedding = $TABLE_WIDEN(table[row * args.columns + column]);
  v[i] = $V_NARROW($V_WIDEN(v[i]) + weight * embedding);
}
