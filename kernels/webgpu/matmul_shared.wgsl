// Matrix product by tiles in workgroup memory: a workgroup of TX by TY threads computes TY·RM rows
// by TX·RN columns, BK steps of the inner dimension at a time. Both tiles are stored k-major, so
// that a thread reads rows and columns as vec4s.

var<workgroup> tileA: array<$FOUR, $[BK * TY * RM / 4]>;
var<workgroup> tileB: array<$FOUR, $[BK * TX * RN / 4]>;

@compute @workgroup_size($TX, $TY)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let range = range_of(group.z);
  let matrix = range.matrix;
  let row = group.y * $[TY * RM]u;
  let column = group.x * $[TX * RN]u;
//# for i < RM
//# for j < RN / 4
  var sum$[i]_$[j] = vec4f();
//# end
//# end

  for (var k = range.first; k < range.end; k += $[BK]u) {
    // Threads load blocks of 4 by 4, transposed where rows run along k.
    for (var block = thread; block < $[BK * TY * RM / 16]u; block += $[TX * TY]u) {
//# if A_K_ROWS
      let m = block % $[TY * RM / 4]u;
      let s = block / $[TY * RM / 4]u * 4u;
//# for s < 4
      tileA[(s + $[s]u) * $[TY * RM / 4]u + m] = $FOUR(factor_a(load_a(matrix, k + s + $[s]u, row + m * 4u)));
//# end
//# else
      let m = block / $[BK / 4]u;
      let s = block % $[BK / 4]u * 4u;
//# for r < 4
      let r$[r] = $FOUR(factor_a(load_a(matrix, row + m * 4u + $[r]u, k + s)));
//# end
//# for s < 4
      tileA[(s + $[s]u) * $[TY * RM / 4]u + m] = $FOUR(r0[$s], r1[$s], r2[$s], r3[$s]);
//# end
//# end
    }
    for (var block = thread; block < $[BK * TX * RN / 16]u; block += $[TX * TY]u) {
//# if B_K_ROWS
      let n = block % $[TX * RN / 4]u;
      let s = block / $[TX * RN / 4]u * 4u;
//# for s < 4
      tileB[(s + $[s]u) * $[TX * RN / 4]u + n] = $FOUR(factor_b(load_b(matrix, k + s + $[s]u, column + n * 4u)));
//# end
//# else
      let n = block / $[BK / 4]u;
      let s = block % $[BK / 4]u * 4u;
//# for r < 4
      let r$[r] = $FOUR(factor_b(load_b(matrix, column + n * 4u + $[r]u, k + s)));
//# end
//# for s < 4
      tileB[(s + $[s]u) * $[TX * RN / 4]u + n] = $FOUR(r0[$s], r1[$s], r2[$s], r3[$s]);
//# end
//# end
    }
    workgroupBarrier();

    for (var s = 0u; s < $[BK]u; s += 4u) {
//# for s < 4
//# for i < RM / 4
      let a$[i]_$[s] = vec4f(tileA[(s + $[s]u) * $[TY * RM / 4]u + local.y + $[i * TY]u]);
//# end
//# for j < RN / 4
      let b$[j]_$[s] = vec4f(tileB[(s + $[s]u) * $[TX * RN / 4]u + local.x + $[j * TX]u]);
//# end
//# for i < RM
//# for j < RN / 4
      sum$[i]_$[j] = fma(vec4f(a$[i / 4]_$[s][$[i % 4]]), b$[j]_$[s], sum$[i]_$[j]);
//# end
//# end
//# end
    }
    workgroupBarrier();
  }

//# for i < RM
//# for j < RN / 4
  store(
    group.z,
    row + (local.y + $[i / 4 * TY]u) * 4u + $[i % 4]u,
    column + (local.x + $[j * TX]u) * 4u,
    sum$[i]_$[j],
  );
//# end
//# end
}
