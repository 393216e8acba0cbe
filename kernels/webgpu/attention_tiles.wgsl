// What the attention kernels share (Dao, FlashAttention-2). A workgroup of TX by TY threads owns R =
// TY·RR rows (queries, or keys for their own gradients) and meets the other side C = TX·CC columns at
// a time. A thread's rows come in fours, (i·TY + ty)·4 …, and so do its columns, (j·TX + tx)·4 ….
//
// The kernel provides load_row(what, row, d) and load_column(what, column, d), which give four
// numbers of a head from d on; `what` is a constant that chooses among its tensors.

var<workgroup> tileRows: array<vec4f, $[TX * TY * RR]>;
var<workgroup> tileColumns: array<vec4f, $[TX * TX * CC]>;
// Weights of all rows by column, four rows to a vec4.
var<workgroup> weights: array<vec4f, $[TX * CC * TY * RR / 4]>;

// The products of a thread's rows and columns.
//# for i < RR
//# for j < CC / 4
var<private> s$[i]_$[j]: vec4f;
//# end
//# end

// Sums of the thread's rows over all columns: one vec4 of every TX in a head.
//# for w < OUTPUTS
//# for i < RR
//# for n < (D + 4 * TX - 1) / (4 * TX)
var<private> sum$[w]_$[i]_$[n]: vec4f;
//# end
//# end
//# end

// s = rows · columnsᵀ over the head, 4·TX numbers of it at a time.
fn product(what: u32, thread: u32, local: vec3u) {
//# for i < RR
//# for j < CC / 4
  s$[i]_$[j] = vec4f();
//# end
//# end
  for (var d = 0u; d < $[D]u; d += $[4 * TX]u) {
    for (var block = thread; block < $[TX * TY * RR / 4]u; block += $[TX * TY]u) {
      let line = block / $[TX]u;
      let inner = block % $[TX]u * 4u;
//# for r < 4
      let r$[r] = load_row(what, line * 4u + $[r]u, d + inner);
//# end
//# for e < 4
      tileRows[(inner + $[e]u) * $[TY * RR / 4]u + line] = vec4f(r0[$e], r1[$e], r2[$e], r3[$e]);
//# end
    }
    for (var block = thread; block < $[TX * TX * CC / 4]u; block += $[TX * TY]u) {
      let line = block / $[TX]u;
      let inner = block % $[TX]u * 4u;
//# for r < 4
      let r$[r] = load_column(what, line * 4u + $[r]u, d + inner);
//# end
//# for e < 4
      tileColumns[(inner + $[e]u) * $[TX * CC / 4]u + line] = vec4f(r0[$e], r1[$e], r2[$e], r3[$e]);
//# end
    }
    workgroupBarrier();
    for (var e = 0u; e < $[4 * TX]u; e += 4u) {
//# for e < 4
//# for i < RR / 4
      let a$[i]_$[e] = tileRows[(e + $[e]u) * $[TY * RR / 4]u + local.y + $[i * TY]u];
//# end
//# for j < CC / 4
      let b$[j]_$[e] = tileColumns[(e + $[e]u) * $[TX * CC / 4]u + local.x + $[j * TX]u];
//# end
//# for i < RR
//# for j < CC / 4
      s$[i]_$[j] = fma(vec4f(a$[i / 4]_$[e][$[i % 4]]), b$[j]_$[e], s$[i]_$[j]);
//# end
//# end
//# end
    }
    workgroupBarrier();
  }
}

// Hands s to the other threads as weights.
fn share_weights(local: vec3u) {
//# for i < RR / 4
//# for j < CC
  weights[((local.x + $[j / 4 * TX]u) * 4u + $[j % 4]u) * $[TY * RR / 4]u + local.y + $[i * TY]u] =
    vec4f(s$[4 * i]_$[j / 4][$[j % 4]], s$[4 * i + 1]_$[j / 4][$[j % 4]],
      s$[4 * i + 2]_$[j / 4][$[j % 4]], s$[4 * i + 3]_$[j / 4][$[j % 4]]);
//# end
//# end
}

//# for w < OUTPUTS
// sum$[w] += weights · columns.
fn accumulate_$[w](what: u32, thread: u32, local: vec3u) {
//# for n < (D + 4 * TX - 1) / (4 * TX)
  for (var i = thread; i < $[TX * TX * CC]u; i += $[TX * TY]u) {
    tileColumns[i] = load_column(what, i / $[TX]u, (i % $[TX]u + $[n * TX]u) * 4u);
  }
  workgroupBarrier();
  for (var c = 0u; c < $[TX * CC]u; c += 2u) {
//# for e < 2
    let column$[e] = tileColumns[(c + $[e]u) * $[TX]u + local.x];
//# for i < RR / 4
    let w$[i]_$[e] = weights[(c + $[e]u) * $[TY * RR / 4]u + local.y + $[i * TY]u];
//# end
//# for i < RR
    sum$[w]_$[i]_$[n] = fma(vec4f(w$[i / 4]_$[e][$[i % 4]]), column$[e], sum$[w]_$[i]_$[n]);
//# end
//# end
  }
  workgroupBarrier();
//# end
}
//# end

// The number of the thread's row i in the tile.
fn row_of(i: u32, local: vec3u) -> u32 {
  return (i / 4u * $[TY]u + local.y) * 4u + i % 4u;
}

// The numbers of the thread's columns 4·j … in the tile.
fn columns_of(j: u32, local: vec3u) -> vec4u {
  return (j * $[TX]u + local.x) * 4u + vec4u(0u, 1u, 2u, 3u);
}

const LOWEST = -3.0e38;

