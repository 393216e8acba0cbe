// Matrix product by subgroup matrices: a workgroup has SX by SY subgroups at work, each of which
// computes RM by RN matrices of TM rows and TN columns, BK steps of the inner dimension at a time.
// Factors are rounded to FACTOR on their way to workgroup memory, where they lie as they are
// stored; the next ones are read while these are multiplied. Where subgroups are smaller than
// they may be, there are more of them than work, and the last ones only read and write.

alias Left = subgroup_matrix_left<$FACTOR, $TK, $TM>;
alias Right = subgroup_matrix_right<$FACTOR, $TN, $TK>;
alias Sums = subgroup_matrix_result<f32, $TN, $TM>;

// Rows of a tile are 16 bytes further apart than they are long, so that they start in other banks.
//# if A_K_ROWS
const A_STRIDE = $[SY * RM * TM + PAD]u;
var<workgroup> tileA: array<$FACTOR, $[BK * (SY * RM * TM + PAD)]>;
//# else
const A_STRIDE = $[BK + PAD]u;
var<workgroup> tileA: array<$FACTOR, $[SY * RM * TM * (BK + PAD)]>;
//# end
//# if B_K_ROWS
const B_STRIDE = $[SX * RN * TN + PAD]u;
var<workgroup> tileB: array<$FACTOR, $[BK * (SX * RN * TN + PAD)]>;
//# else
const B_STRIDE = $[BK + PAD]u;
var<workgroup> tileB: array<$FACTOR, $[SX * RN * TN * (BK + PAD)]>;
//# end
// One matrix of each subgroup.
var<workgroup> results: array<f32, $[SX * SY * TM * TN]>;

fn write_a(at: u32, x: vec4f) {
//# if A_GRADIENT
  let values = gradient_factors(x);
//# else
  let values = factors(x);
//# end
//# for i < 4
  tileA[at + $[i]u] = values[$i];
//# end
}

fn write_b(at: u32, x: vec4f) {
  let values = factors(x);
//# for i < 4
  tileB[at + $[i]u] = values[$i];
//# end
}

// Four numbers of a matrix in a row.
fn results_at(at: u32) -> vec4f {
  return vec4f(results[at], results[at + 1u], results[at + 2u], results[at + 3u]);
}

// Stores the matrix (i, j) of each subgroup, by blocks of four rows and four columns.
fn store_results(z: u32, row: u32, column: u32, i: u32, j: u32, thread: u32) {
  for (var block = thread; block < $[SX * SY * TM * TN / 16]u; block += $[THREADS]u) {
    let subgroup = block / $[TM * TN / 16]u;
    let r = block % $[TM * TN / 16]u / $[TN / 4]u * 4u;
    let c = block % $[TN / 4]u * 4u;
    let at = subgroup * $[TM * TN]u + r * $[TN]u + c;
    store_block(
      z,
      row + (subgroup / $[SX]u * $[RM]u + i) * $[TM]u + r,
      column + (subgroup % $[SX]u * $[RN]u + j) * $[TN]u + c,
      results_at(at),
      results_at(at + $[TN]u),
      results_at(at + $[2 * TN]u),
      results_at(at + $[3 * TN]u),
    );
  }
}

@compute @workgroup_size($THREADS) @diagnostic(off, chromium.subgroup_matrix_uniformity)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) thread: u32,
  @builtin(subgroup_id) subgroup: u32,
) {
  let matrix = matrix_of(group.z);
  let row = group.y * $[SY * RM * TM]u;
  let column = group.x * $[SX * RN * TN]u;
  if (is_mirrored(row, column, $[SX * RN * TN]u)) { return; }
  let first = first_step(group.z);
  let end = last_step(group.z);
  enter_outputs(row, column);
  enter_steps(first);
  let works = subgroup < $[SX * SY]u;
  let blockRow = subgroup / $[SX]u * $[RM * TM]u;
  let blockColumn = subgroup % $[SX]u * $[RN * TN]u;

  // The fours of numbers that this thread brings: where they lie in a tile of a and of b.
//# for p < A_LOADS
//# if A_K_ROWS
  let aM$p = (thread + $[p * THREADS]u) % $[SY * RM * TM / 4]u * 4u;
  let aK$p = (thread + $[p * THREADS]u) / $[SY * RM * TM / 4]u;
  let aAt$p = aK$p * A_STRIDE + aM$p;
  var a$p = load_a(matrix, first + aK$p, row + aM$p);
//# else
  let aM$p = (thread + $[p * THREADS]u) / $[BK / 4]u;
  let aK$p = (thread + $[p * THREADS]u) % $[BK / 4]u * 4u;
  let aAt$p = aM$p * A_STRIDE + aK$p;
  var a$p = load_a(matrix, row + aM$p, first + aK$p);
//# end
//# end
//# for p < B_LOADS
//# if B_K_ROWS
  let bN$p = (thread + $[p * THREADS]u) % $[SX * RN * TN / 4]u * 4u;
  let bK$p = (thread + $[p * THREADS]u) / $[SX * RN * TN / 4]u;
  let bAt$p = bK$p * B_STRIDE + bN$p;
  var b$p = load_b(matrix, first + bK$p, column + bN$p);
//# else
  let bN$p = (thread + $[p * THREADS]u) / $[BK / 4]u;
  let bK$p = (thread + $[p * THREADS]u) % $[BK / 4]u * 4u;
  let bAt$p = bN$p * B_STRIDE + bK$p;
  var b$p = load_b(matrix, column + bN$p, first + bK$p);
//# end
//# end

//# for i < RM
//# for j < RN
  var sum$[i]_$[j]: Sums;
//# end
//# end

  for (var k = first; k < end; k += $[BK]u) {
    workgroupBarrier();
//# for p < A_LOADS
    write_a(aAt$p, a$p);
//# end
//# for p < B_LOADS
    write_b(bAt$p, b$p);
//# end
    workgroupBarrier();

    // After the last step they are not used.
    let next = k + $[BK]u;
    enter_steps(next);
//# for p < A_LOADS
//# if A_K_ROWS
    a$p = load_a(matrix, next + aK$p, row + aM$p);
//# else
    a$p = load_a(matrix, row + aM$p, next + aK$p);
//# end
//# end
//# for p < B_LOADS
//# if B_K_ROWS
    b$p = load_b(matrix, next + bK$p, column + bN$p);
//# else
    b$p = load_b(matrix, column + bN$p, next + bK$p);
//# end
//# end

    if (works) {
      for (var s = 0u; s < $[BK]u; s += $[TK]u) {
//# for j < RN
//# if B_K_ROWS
        let right$j = subgroupMatrixLoad<Right, row_major>(
          &tileB, s * B_STRIDE + blockColumn + $[j * TN]u, B_STRIDE);
//# else
        let right$j = subgroupMatrixLoad<Right, col_major>(
          &tileB, (blockColumn + $[j * TN]u) * B_STRIDE + s, B_STRIDE);
//# end
//# end
//# for i < RM
//# if A_K_ROWS
        let left$i = subgroupMatrixLoad<Left, col_major>(
          &tileA, s * A_STRIDE + blockRow + $[i * TM]u, A_STRIDE);
//# else
        let left$i = subgroupMatrixLoad<Left, row_major>(
          &tileA, (blockRow + $[i * TM]u) * A_STRIDE + s, A_STRIDE);
//# end
//# for j < RN
        sum$[i]_$[j] = subgroupMatrixMultiplyAccumulate(left$i, right$j, sum$[i]_$[j]);
//# end
//# end
      }
    }
  }

//# for i < RM
//# for j < RN
  workgroupBarrier();
  if (works) {
    subgroupMatrixStore<row_major>(&results, subgroup * $[TM * TN]u, sum$[i]_$[j], $[TN]u);
  }
  workgroupBarrier();
  store_results(group.z, row, column, $[i]u, $[j]u, thread);
//# end
//# end
}
