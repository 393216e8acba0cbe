// The products of attention_common by subgroup matrices of TM rows and TN columns. What of a matrix a
// thread has is not known, so that sums go through workgroup memory to the threads whose rows they
// are.

alias Left = subgroup_matrix_left<$FLOAT, $TK, $TM>;
alias Right = subgroup_matrix_right<$FLOAT, $TN, $TK>;
alias Sums = subgroup_matrix_result<f32, $TN, $TM>;

// Rows of a tile are 16 bytes further apart than they are long, so that they start in other banks.
const STRIDE = $[4 * SIDE + PAD]u;
const RESULT_STRIDE = $[4 * SIDE + 4]u;

// Rows, or their weights for the columns.
var<workgroup> tileRows: array<$FLOAT, $[4 * SIDE * (4 * SIDE + PAD)]>;
var<workgroup> tileColumns: array<$FLOAT, $[4 * SIDE * (4 * SIDE + PAD)]>;
var<workgroup> results: array<f32, $[4 * SIDE * (4 * SIDE + 4)]>;

// The number of the thread's subgroup. Those from SUBGROUPS on, where subgroups are smaller than they
// may be, only read and write.
var<private> subgroup: u32;

fn write_row(row: u32, column: u32, x: vec4f) {
  let values = gradient_factors(x);
//# for i < 4
  tileRows[row * STRIDE + column + $[i]u] = values[$i];
//# end
}

fn write_column(row: u32, column: u32, x: vec4f) {
  let values = gradient_factors(x);
//# for i < 4
  tileColumns[row * STRIDE + column + $[i]u] = values[$i];
//# end
}

// The thread's sums: four columns for each of its rows.
fn thread_results(local: vec3u) -> mat4x4f {
//# for i < 4
  let at$i = (local.y * 4u + $[i]u) * RESULT_STRIDE + local.x * 4u;
  let r$i = vec4f(results[at$i], results[at$i + 1u], results[at$i + 2u], results[at$i + 3u]);
//# end
  return mat4x4f(r0, r1, r2, r3);
}

//# for m < MATRICES
// Where the subgroup's matrix $m lies in a tile of sums.
fn matrix_row_$[m]() -> u32 {
  return (subgroup * $[MATRICES]u + $[m]u) / $[4 * SIDE / TN]u * $[TM]u;
}

fn matrix_column_$[m]() -> u32 {
  return (subgroup * $[MATRICES]u + $[m]u) % $[4 * SIDE / TN]u * $[TN]u;
}

//# end
@diagnostic(off, chromium.subgroup_matrix_uniformity)
fn product(what: u32, first: u32, local: vec3u) -> mat4x4f {
//# for m < MATRICES
  var matrix$m: Sums;
//# end
  for (var d = 0u; d < $[D]u; d += $[4 * SIDE]u) {
//# for r < 4
    write_row(local.y * 4u + $[r]u, local.x * 4u, load_row(what, local.y * 4u + $[r]u, d + local.x * 4u));
    write_column(
      local.y * 4u + $[r]u, local.x * 4u, load_column(what, first, local.y * 4u + $[r]u, d + local.x * 4u));
//# end
    workgroupBarrier();
    if (subgroup < $[SUBGROUPS]u) {
      for (var e = 0u; e < $[4 * SIDE]u; e += $[TK]u) {
//# for m < MATRICES
        let left$m = subgroupMatrixLoad<Left, row_major>(&tileRows, matrix_row_$[m]() * STRIDE + e, STRIDE);
        let right$m =
          subgroupMatrixLoad<Right, col_major>(&tileColumns, matrix_column_$[m]() * STRIDE + e, STRIDE);
        matrix$m = subgroupMatrixMultiplyAccumulate(left$m, right$m, matrix$m);
//# end
      }
    }
    workgroupBarrier();
  }
  if (subgroup < $[SUBGROUPS]u) {
//# for m < MATRICES
    subgroupMatrixStore<row_major>(
      &results, matrix_row_$[m]() * RESULT_STRIDE + matrix_column_$[m](), matrix$m, RESULT_STRIDE);
//# end
  }
  workgroupBarrier();
  return thread_results(local);
}

fn share_weights(s: mat4x4f, local: vec3u) {
//# for i < 4
  write_row(local.y * 4u + $[i]u, local.x * 4u, s[$i]);
//# end
}

@diagnostic(off, chromium.subgroup_matrix_uniformity)
fn accumulate(sums: mat4x4f, what: u32, first: u32, n: u32, local: vec3u) -> mat4x4f {
//# for r < 4
  write_column(
    local.y * 4u + $[r]u,
    local.x * 4u,
    load_column(what, first, local.y * 4u + $[r]u, (local.x + n * $[SIDE]u) * 4u),
  );
//# end
  workgroupBarrier();
  if (subgroup < $[SUBGROUPS]u) {
//# for m < MATRICES
    var matrix$m: Sums;
//# end
    for (var c = 0u; c < $[4 * SIDE]u; c += $[TK]u) {
//# for m < MATRICES
      let left$m = subgroupMatrixLoad<Left, row_major>(&tileRows, matrix_row_$[m]() * STRIDE + c, STRIDE);
      let right$m =
        subgroupMatrixLoad<Right, row_major>(&tileColumns, c * STRIDE + matrix_column_$[m](), STRIDE);
      matrix$m = subgroupMatrixMultiplyAccumulate(left$m, right$m, matrix$m);
//# end
    }
//# for m < MATRICES
    subgroupMatrixStore<row_major>(
      &results, matrix_row_$[m]() * RESULT_STRIDE + matrix_column_$[m](), matrix$m, RESULT_STRIDE);
//# end
  }
  workgroupBarrier();
  return sums + thread_results(local);
}

