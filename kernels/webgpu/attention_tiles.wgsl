// The products of attention_common through tiles in workgroup memory.
//
// Fours of a tile stand swapped within their line, each line in another way: so threads that read or
// write at the same time meet in no bank of the memory.

// By number of the head, rows or columns in fours. STAGED: all of the rows' heads.
var<workgroup> tileRows: array<vec4<$FLOAT>, $[STAGED * (D - 1) / (4 * SIDE) * 4 * SIDE * SIDE + 4 * SIDE * SIDE]>;
var<workgroup> tileColumns: array<vec4<$FLOAT>, $[4 * SIDE * SIDE]>;

// Weights by column, rows in fours.
var<workgroup> weights: array<vec4<$FLOAT>, $[4 * SIDE * SIDE]>;

// Puts 4·SIDE numbers of the rows' heads, from d on, in tileRows from the number `at` on.
fn stage_rows(what: u32, d: u32, at: u32, local: vec3u) {
//# for r < 4
  let r$r = load_row(what, local.y * 4u + $[r]u, d + local.x * 4u);
//# end
//# for e < 4
  tileRows[(at + local.x * 4u + $[e]u) * $[SIDE]u + (local.y ^ local.x)] =
    gradient_factors(vec4f(r0[$e], r1[$e], r2[$e], r3[$e]));
//# end
}

// rows · columnsᵀ over the head: a vec4 of columns for each of the thread's rows.
fn product(what: u32, first: u32, local: vec3u) -> mat4x4f {
//# for i < 4
  var s$i = vec4f();
//# end
  for (var d = 0u; d < $[D]u; d += $[4 * SIDE]u) {
//# if STAGED
    let at = d;
//# else
    let at = 0u;
    stage_rows(what, d, 0u, local);
//# end
//# for r < 4
    let r$r = load_column(what, first, local.y * 4u + $[r]u, d + local.x * 4u);
//# end
//# for e < 4
    tileColumns[(local.x * 4u + $[e]u) * $[SIDE]u + (local.y ^ local.x)] =
      gradient_factors(vec4f(r0[$e], r1[$e], r2[$e], r3[$e]));
//# end
    workgroupBarrier();
    for (var e = 0u; e < $[SIDE]u; e += 1u) {
//# for e < 4
      let a$e = vec4f(tileRows[(at + e * 4u + $[e]u) * $[SIDE]u + (local.y ^ e)]);
      let b$e = vec4f(tileColumns[(e * 4u + $[e]u) * $[SIDE]u + (local.x ^ e)]);
//# for i < 4
      s$i = fma(vec4f(a$e[$i]), b$e, s$i);
//# end
//# end
    }
    workgroupBarrier();
  }
  return mat4x4f(s0, s1, s2, s3);
}

// Hands the thread's weights to the others: a vec4 of columns for each row.
fn share_weights(s: mat4x4f, local: vec3u) {
//# for j < 4
  weights[(local.x * 4u + $[j]u) * $[SIDE]u + (local.y ^ local.x)] =
    gradient_factors(vec4f(s[0][$j], s[1][$j], s[2][$j], s[3][$j]));
//# end
}

// sums + weights · columns: for each of the thread's rows four numbers of the head's n-th 4·SIDE.
fn accumulate(sums: mat4x4f, what: u32, first: u32, n: u32, local: vec3u) -> mat4x4f {
//# for r < 4
  tileColumns[(local.y * 4u + $[r]u) * $[SIDE]u + local.x] =
    gradient_factors(load_column(what, first, local.y * 4u + $[r]u, (local.x + n * $[SIDE]u) * 4u));
//# end
  workgroupBarrier();
//# for i < 4
  var sum$i = sums[$i];
//# end
  for (var c = 0u; c < $[SIDE]u; c += 1u) {
//# for e < 4
    let column$e = vec4f(tileColumns[(c * 4u + $[e]u) * $[SIDE]u + local.x]);
    let w$e = vec4f(weights[(c * 4u + $[e]u) * $[SIDE]u + (local.y ^ c)]);
//# for i < 4
    sum$i = fma(vec4f(w$e[$i]), column$e, sum$i);
//# end
//# end
  }
  workgroupBarrier();
  return mat4x4f(sum0, sum1, sum2, sum3);
}
