// dtable[token] += Σ dout[n] over the token's rows n, for tokens among the rows of dtable that are
// bound. A workgroup adds 32 columns of one token; 4 threads share a column's rows, since a token
// such as padding may fill half a batch. WEIGHTS: dout[n] counts weights[n, head] times, heads being
// runs of headColumns columns.

struct Args {
  // Elements (of WIDTH numbers) in a row, and in a head of it.
  columns: u32,
  headColumns: u32,
  tokens: u32,
  firstRow: u32,
  rows: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> dtable: array<$DTABLE>;
@group(0) @binding(2) var<storage, read> dout: array<Element>;
@group(0) @binding(3) var<storage, read> tokens: array<u32>;
@group(0) @binding(4) var<storage, read> starts: array<u32>;
@group(0) @binding(5) var<storage, read> members: array<u32>;
//# if WEIGHTS
// (N, heads) pairs of which the first counts.
@group(0) @binding(6) var<storage, read> weights: array<vec2f>;
//# end

var<workgroup> partials: array<Element, 128>;

@compute @workgroup_size(32, 4)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let columnGroups = (args.columns + 31u) / 32u;
  let flat = flat_index(group, groups);
  let token = flat / columnGroups;
  if (token >= args.tokens) { return; }
  let row = tokens[token] - args.firstRow;
  if (row >= args.rows) { return; }
  let column = flat % columnGroups * 32u + local.x;
  var sum = Element();
  if (column < args.columns) {
    let end = starts[token + 1u];
    for (var i = starts[token] + local.y; i < end; i += 4u) {
      let n = members[i];
//# if WEIGHTS
      let heads = args.columns / args.headColumns;
      let weight = weights[n * heads + column / args.headColumns].x;
      sum += weight * dout[n * args.columns + column];
//# else
      sum += dout[n * args.columns + column];
//# end
    }
  }
  partials[local.y * 32u + local.x] = sum;
  workgroupBarrier();
  if (local.y == 0u && column < args.columns) {
    let all = (partials[local.x] + partials[local.x + 32u]) +
      (partials[local.x + 64u] + partials[local.x + 96u]);
    let at = row * args.columns + column;
    dtable[at] = $DTABLE_NARROW($DTABLE_WIDEN(dtable[at]) + all);
  }
}
