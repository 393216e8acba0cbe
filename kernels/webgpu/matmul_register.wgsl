// Matrix product by register tiles alone: each thread computes RM rows by RN columns from values it
// loads itself. Best where workgroup memory is no faster than any other, as on a software adapter.

@compute @workgroup_size($TX, $TY)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let matrix = matrix_of(group.z);
  if (is_mirrored(group.y * $[TY * RM]u, group.x * $[TX * RN]u, $[TX * RN]u)) { return; }
  let row = (group.y * $[TY]u + local.y) * $[RM]u;
  // Columns are dealt to threads four at a time.
  let column = group.x * $[TX * RN]u + local.x * 4u;
//# for i < RM
//# for j < RN / 4
  var sum$[i]_$[j] = vec4f();
//# end
//# end

  let end = last_step(group.z);
  for (var k = first_step(group.z); k < end; k += 4u) {
//# if A_K_ROWS
//# for i < RM / 4
//# for s < 4
    let a$[i]_$[s] = factor_a(load_a(matrix, k + $[s]u, row + $[4 * i]u));
//# end
//# end
//# else
//# for i < RM
    let a$[i] = factor_a(load_a(matrix, row + $[i]u, k));
//# end
//# end
//# for j < RN / 4
//# if B_K_ROWS
//# for s < 4
    let b$[j]_$[s] = factor_b(load_b(matrix, k + $[s]u, column + $[j * TX * 4]u));
//# end
//# else
//# for s < 4
    let t$[j]_$[s] = factor_b(load_b(matrix, column + $[j * TX * 4 + s]u, k));
//# end
//# for s < 4
    let b$[j]_$[s] = vec4f(t$[j]_0[$s], t$[j]_1[$s], t$[j]_2[$s], t$[j]_3[$s]);
//# end
//# end
//# end
//# for s < 4
//# for i < RM
//# for j < RN / 4
//# if A_K_ROWS
    sum$[i]_$[j] = fma(vec4f(a$[i / 4]_$[s][$[i % 4]]), b$[j]_$[s], sum$[i]_$[j]);
//# else
    sum$[i]_$[j] = fma(vec4f(a$[i][$s]), b$[j]_$[s], sum$[i]_$[j]);
//# end
//# end
//# end
//# end
  }

//# for i < RM / 4
//# for j < RN / 4
  store_block(group.z, row + $[4 * i]u, column + $[j * TX * 4]u,
    sum$[4 * i]_$j, sum$[4 * i + 1]_$j, sum$[4 * i + 2]_$j, sum$[4 * i + 3]_$j);
//# end
//# end
}
