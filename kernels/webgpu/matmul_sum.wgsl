// out = epilogue(alpha · Σ partials + beta · c), after matmul: adds up what the parts of K gave, always
// in their order.

// (batch · parts, M, N)
@group(0) @binding(1) var<storage, read> partials: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let columns = args.N / 4u;
  let size = args.M * columns;
  let i = group.x * 64u + thread;
  if (i >= size) { return; }
  var sum = vec4f();
  for (var part = 0u; part < args.parts; part += 1u) {
    sum += partials[(group.z * args.parts + part) * size + i];
  }
  store(group.z, i / columns, i % columns * 4u, sum);
}
