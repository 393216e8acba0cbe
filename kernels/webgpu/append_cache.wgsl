// cache[b, positions[b] + t] = x[b, t].

struct Args {
  count: u32,
  // Elements (of WIDTH numbers) in a row, and rows of a sequence in x and in the cache.
  columns: u32,
  T: u32,
  S: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> cache: array<$ROWS>;
@group(0) @binding(2) var<storage, read> x: array<$ROWS>;
@group(0) @binding(3) var<storage, read> positions: array<u32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = flat_index(group, groups) * 64u + thread;
  if (i >= args.count) { return; }
  let row = i / args.columns;
  let b = row / args.T;
  let position = positions[b] + row % args.T;
  cache[(b * args.S + position) * args.columns + i % args.columns] = x[i];
}
