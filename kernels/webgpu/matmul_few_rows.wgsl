// Matrix product a·bᵀ for at most R rows of a, as in decoding, where time goes into reading b: a
// workgroup computes 8 columns of out, 8 threads share a row of b and read it 128 bytes at a time.

var<workgroup> partials: array<f32, $[R * 64]>;

@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let matrix = group.z;
  let column = group.x * 8u;
//# for r < R
  var sum$[r] = vec4f();
//# end
  for (var k = local.x * 4u; k < args.K; k += 32u) {
    let weights = load_b(matrix, column + local.y, k);
//# for r < R
    sum$[r] = fma(load_a(matrix, $[r]u, k), weights, sum$[r]);
//# end
  }
//# for r < R
  partials[local.y * 8u + local.x + $[r * 64]u] = dot(sum$[r], vec4f(1.0));
//# end
  workgroupBarrier();

  // Each of the first 2·R threads adds up four columns of one row.
  let row = local.y;
  if (row < $[R]u && local.x < 2u) {
    var sums = vec4f();
    for (var i = 0u; i < 8u; i += 1u) {
      let first = row * 64u + local.x * 32u + i;
      sums += vec4f(partials[first], partials[first + 8u], partials[first + 16u], partials[first + 24u]);
    }
    store(matrix, row, column + local.x * 4u, sums);
  }
}
