// out[b, t] = ((36313 · ids[b, t]) xor (27191 · ids[b, t − 1])) mod (buckets − 1); the last bucket
// where there is no token before, which previous[b] says of the first. The row's last token takes
// its place. A thread per row.

struct Args {
  B: u32,
  T: u32,
  buckets: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> out: array<i32>;
@group(0) @binding(2) var<storage, read> ids: array<i32>;
@group(0) @binding(3) var<storage, read_write> previous: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) thread: vec3u) {
  let b = thread.x;
  if (b >= args.B) { return; }
  var before = i32(previous[b]);
  for (var t = 0u; t < args.T; t += 1u) {
    let id = ids[b * args.T + t];
    var hash = args.buckets - 1;
    if (before >= 0) { hash = ((36313u * u32(id)) ^ (27191u * u32(before))) % (args.buckets - 1); }
    out[b * args.T + t] = i32(hash);
    before = id;
  }
  previous[b] = f32(before);
}
