// How fast the subgroups of an adapter multiply matrices and add them up: each subgroup multiplies the
// same two, from registers, onto SUMS matrices that do not wait for each other.

alias Left = subgroup_matrix_left<$FACTOR, $TK, $TM>;
alias Right = subgroup_matrix_right<$FACTOR, $TN, $TK>;
alias Sums = subgroup_matrix_result<f32, $TN, $TM>;

struct Args {
  rounds: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

var<workgroup> factors: array<$FACTOR, $[TM * TK + TK * TN]>;
var<workgroup> results: array<f32, $[SUBGROUPS * TM * TN]>;

@compute @workgroup_size($THREADS) @diagnostic(off, chromium.subgroup_matrix_uniformity)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) thread: u32,
  @builtin(subgroup_id) subgroup: u32,
) {
  for (var i = thread; i < $[TM * TK + TK * TN]u; i += $[THREADS]u) {
    factors[i] = $FACTOR(f32(i % 7u) * 0.001);
  }
  workgroupBarrier();
  // Where subgroups are smaller than they may be, there are more of them.
  if (subgroup < $[SUBGROUPS]u) {
    let left = subgroupMatrixLoad<Left, row_major>(&factors, 0u, $[TK]u);
    let right = subgroupMatrixLoad<Right, row_major>(&factors, $[TM * TK]u, $[TN]u);
//# for s < SUMS
    var sum$s: Sums;
//# end
    for (var round = 0u; round < args.rounds; round++) {
//# for s < SUMS
      sum$s = subgroupMatrixMultiplyAccumulate(left, right, sum$s);
//# end
    }
//# for s < SUMS
    subgroupMatrixStore<row_major>(&results, subgroup * $[TM * TN]u, sum$s, $[TN]u);
    // Each is used, so that no compiler leaves it out.
    out[group.x * $[SUBGROUPS * SUMS]u + subgroup * $[SUMS]u + $[s]u] = results[subgroup * $[TM * TN]u];
//# end
  }
}
