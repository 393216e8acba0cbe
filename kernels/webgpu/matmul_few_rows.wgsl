// Matrix product a·bᵀ for at most R rows of a, as in decoding, where time goes into reading b: a
// workgroup computes 8 columns of out, 8 threads share a row of b and read FOURS times four of its
// numbers each, 128 bytes in all.

var<workgroup> partials: array<f32, $[R * 64]>;

@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let matrix = group.z;
  let column = group.x * 8u;
//# for r < R
  var sum$[r] = vec4f();
//# end
  for (var k = local.x * $[4 * FOURS]u; k < args.K; k += $[32 * FOURS]u) {
//# for f < FOURS
    let weights$f = factor_b(load_b(matrix, column + local.y, k + $[4 * f]u));
//# for r < R
    sum$[r] = fma(factor_a(load_a(matrix, $[r]u, k + $[4 * f]u)), weights$f, sum$[r]);
//# end
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
