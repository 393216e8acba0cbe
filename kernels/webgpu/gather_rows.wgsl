// out[r] = x[index[start + r]], or where SCATTER out[index[start + r]] = x[r].

struct Args {
  count: u32,
  // Elements (of WIDTH numbers) in a row.
  columns: u32,
  start: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> out: array<$X>;
@group(0) @binding(2) var<storage, read> x: array<$X>;
@group(0) @binding(3) var<storage, read> index: array<u32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = flat_index(group, groups) * 64u + thread;
  if (i >= args.count) { return; }
  let far = index[args.start + i / args.columns] * args.columns + i % args.columns;
//# if SCATTER
  out[far] = x[i];
//# else
  out[i] = x[far];
//# end
}
