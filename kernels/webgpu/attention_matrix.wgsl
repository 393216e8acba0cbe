// The products of attention_common by subgroup matrices of TM rows and TN columns, for GPUs that have
// them. What a matrix is to a thread is not known, so that sums go through workgroup memory to the
// threads whose rows they are. TX·CC columns are as many as the 4·TX numbers of a head taken at once.

alias Left = subgroup_matrix_left<$FACTOR, $TK, $TM>;
alias Right = subgroup_matrix_right<$FACTOR, $TN, $TK>;
alias Sums = subgroup_matrix_result<f32, $TN, $TM>;

// Rows of a tile are 16 bytes further apart than they are long, so that they start in other banks.
const STRIDE = $[4 * TX + PAD]u;
const RESULT_STRIDE = $[4 * TX + 4]u;

// Rows, or their weights for the columns of a tile.
var<workgroup> tileRows: array<$FACTOR, $[TY * RR * (4 * TX + PAD)]>;
var<workgroup> tileColumns: array<$FACTOR, $[4 * TX * (4 * TX + PAD)]>;
var<workgroup> results: array<f32, $[TY * RR * (4 * TX + 4)]>;

// The number of the thread's subgroup. Those beyond SUBGROUPS, where subgroups are smaller than they
// may be, only read and write.
var<private> subgroup: u32;

//# if HALF
// What is rounded beyond the largest number becomes infinite: it is a gradient.
fn factors(x: vec4f) -> vec4<f16> {
  let infinity = bitcast<vec4f>((bitcast<vec4u>(x) & vec4u(0x80000000u)) | vec4u(0x7f800000u));
  return vec4<f16>(select(x, infinity, abs(x) >= vec4f(65520.0)));
}
//# else
fn factors(x: vec4f) -> vec4f {
  return x;
}
//# end

fn write_row(at: u32, x: vec4f) {
  let values = factors(x);
//# for i < 4
  tileRows[at + $[i]u] = values[$i];
//# end
}

fn write_column(at: u32, x: vec4f) {
  let values = factors(x);
//# for i < 4
  tileColumns[at + $[i]u] = values[$i];
//# end
}

// Four sums of a row.
fn result(row: u32, column: u32) -> vec4f {
  let at = row * RESULT_STRIDE + column;
  return vec4f(results[at], results[at + 1u], results[at + 2u], results[at + 3u]);
}

//# for n < MATRICES
// Where the subgroup's matrix $n lies in a tile of sums.
fn matrix_row_$[n]() -> u32 {
  return (subgroup * $[MATRICES]u + $[n]u) / $[4 * TX / TN]u * $[TM]u;
}

fn matrix_column_$[n]() -> u32 {
  return (subgroup * $[MATRICES]u + $[n]u) % $[4 * TX / TN]u * $[TN]u;
}

//# end
// s = rows · columnsᵀ over the head, 4·TX numbers of it at a time.
@diagnostic(off, chromium.subgroup_matrix_uniformity)
fn product(what: u32, rows: Lines, columns: Lines, thread: u32, local: vec3u) {
//# for n < MATRICES
  var matrix$n: Sums;
//# end
  for (var d = 0u; d < $[D]u; d += $[4 * TX]u) {
    for (var four = thread; four < $[TX * TY * RR]u; four += $[TX * TY]u) {
      let inner = four % $[TX]u * 4u;
      write_row(four / $[TX]u * STRIDE + inner, load_row(what, rows, four / $[TX]u, d + inner));
    }
    for (var four = thread; four < $[TX * 4 * TX]u; four += $[TX * TY]u) {
      let inner = four % $[TX]u * 4u;
      write_column(four / $[TX]u * STRIDE + inner, load_column(what, columns, four / $[TX]u, d + inner));
    }
    workgroupBarrier();
    if (subgroup < $[SUBGROUPS]u) {
      for (var e = 0u; e < $[4 * TX]u; e += $[TK]u) {
//# for n < MATRICES
        let left$n = subgroupMatrixLoad<Left, row_major>(&tileRows, matrix_row_$[n]() * STRIDE + e, STRIDE);
        let right$n =
          subgroupMatrixLoad<Right, col_major>(&tileColumns, matrix_column_$[n]() * STRIDE + e, STRIDE);
        matrix$n = subgroupMatrixMultiplyAccumulate(left$n, right$n, matrix$n);
//# end
      }
    }
    workgroupBarrier();
  }
  if (subgroup < $[SUBGROUPS]u) {
//# for n < MATRICES
    subgroupMatrixStore<row_major>(
      &results, matrix_row_$[n]() * RESULT_STRIDE + matrix_column_$[n](), matrix$n, RESULT_STRIDE);
//# end
  }
  workgroupBarrier();
//# for i < RR
//# for j < CC / 4
  s$[i]_$[j] = result(row_of($[i]u, local), ($[j * TX]u + local.x) * 4u);
//# end
//# end
}

fn share_weights(local: vec3u) {
//# for i < RR
//# for j < CC / 4
  write_row(row_of($[i]u, local) * STRIDE + ($[j * TX]u + local.x) * 4u, s$[i]_$[j]);
//# end
//# end
}

//# for w < OUTPUTS
// sum$[w] += weights · columns.
@diagnostic(off, chromium.subgroup_matrix_uniformity)
fn accumulate_$[w](what: u32, columns: Lines, thread: u32, local: vec3u) {
//# for n < (D + 4 * TX - 1) / (4 * TX)
  for (var four = thread; four < $[TX * 4 * TX]u; four += $[TX * TY]u) {
    let inner = four % $[TX]u * 4u;
    write_column(
      four / $[TX]u * STRIDE + inner, load_column(what, columns, four / $[TX]u, inner + $[n * 4 * TX]u));
  }
  workgroupBarrier();
  if (subgroup < $[SUBGROUPS]u) {
//# for m < MATRICES
    var matrix$[n]_$[m]: Sums;
//# end
    for (var c = 0u; c < $[4 * TX]u; c += $[TK]u) {
//# for m < MATRICES
      let left$m = subgroupMatrixLoad<Left, row_major>(&tileRows, matrix_row_$[m]() * STRIDE + c, STRIDE);
      let right$m =
        subgroupMatrixLoad<Right, row_major>(&tileColumns, c * STRIDE + matrix_column_$[m](), STRIDE);
      matrix$[n]_$[m] = subgroupMatrixMultiplyAccumulate(left$m, right$m, matrix$[n]_$[m]);
//# end
    }
//# for m < MATRICES
    subgroupMatrixStore<row_major>(
      &results, matrix_row_$[m]() * RESULT_STRIDE + matrix_column_$[m](), matrix$[n]_$[m], RESULT_STRIDE);
//# end
  }
  workgroupBarrier();
//# for i < RR
  sum$[w]_$[i]_$[n] += result(row_of($[i]u, local), local.x * 4u);
//# end
//# end
}
//# end

