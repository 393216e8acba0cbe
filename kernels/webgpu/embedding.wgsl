// out[n] = table[ids[n]] for the ids among the rows of the table that are bound.

struct Args {
  count: u32,
  // Elements (of WIDTH numbers) in a row.
  columns: u32,
  // First row of out, and the rows of the table that are bound.
  firstOut: u32,
  firstRow: u32,
  rows: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> out: array<Element>;
@group(0) @binding(2) var<storage, read> table: array<$TABLE>;
@group(0) @binding(3) var<storage, read> ids: array<u32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = flat_index(group, groups) * 64u + thread;
  if (i >= args.count) { return; }
  let row = ids[args.firstOut + i / args.columns] - args.firstRow;
  if (row >= args.rows) { return; }
  out[i] = $TABLE_WIDEN(table[row * args.columns + i % args.columns]);
}
