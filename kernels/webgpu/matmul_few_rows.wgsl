// Matrix product a·bᵀ for at most R rows of a, as in decoding, where time goes into reading b: a
// workgroup computes 8 columns of out, TX threads share a row of b and read FOURS times four of its
// numbers each, 16 bytes a thread.

var<workgroup> partials: array<f32, $[R * 8 * TX]>;

@compute @workgroup_size($TX, 8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let matrix = group.z;
  let column = group.x * 8u;
  enter_outputs(0u, column);
//# for r < R
  var sum$[r] = vec4f();
//# end
  for (var k = local.x * $[4 * FOURS]u; k < args.K; k += $[4 * FOURS * TX]u) {
//# for f < FOURS
    let weights$f = factor_b(load_b(matrix, column + local.y, k + $[4 * f]u));
//# for r < R
    sum$[r] = fma(factor_a(load_a(matrix, $[r]u, k + $[4 * f]u)), weights$f, sum$[r]);
//# end
//# end
  }
  let own = local.y * $[TX]u + local.x;
//# for r < R
  partials[own + $[r * 8 * TX]u] = dot(sum$[r], vec4f(1.0));
//# end
  workgroupBarrier();
//# if 8 < TX

  // Eight sums of a column are left.
  if (local.x < 8u) {
//# for r < R
//# for i < TX / 8 - 1
    partials[own + $[r * 8 * TX]u] += partials[own + $[r * 8 * TX + 8 * i + 8]u];
//# end
//# end
  }
  workgroupBarrier();
//# end

  // Each of the first 2·R threads adds up four columns of one row.
  let row = local.y;
  if (row < $[R]u && local.x < 2u) {
    var sums = vec4f();
    for (var i = 0u; i < 8u; i += 1u) {
      let at = row * $[8 * TX]u + local.x * $[4 * TX]u + i;
      sums += vec4f(partials[at], partials[at + $[TX]u], partials[at + $[2 * TX]u], partials[at + $[3 * TX]u]);
    }
    store(matrix, row, column + local.x * 4u, sums);
  }
}
