// What the attention kernels share (Dao, FlashAttention-2). A workgroup of TX by TY threads owns R =
// TY·RR rows (queries, or keys for their own gradients) and meets the other side C = TX·CC columns at
// a time. A thread's rows come in fours, (i·TY + ty)·4 …, and so do its columns, (j·TX + tx)·4 ….
//
// The kernel provides load_row(what, rows, row, d) and load_column(what, columns, column, d), which
// give four numbers of a head from d on; `what` is a constant that chooses among its tensors. From
// either attention_tiles or attention_matrix it takes
// - product(what, rows, columns): s = rows · columnsᵀ over the head;
// - share_weights(): hands s to the other threads as weights;
// - accumulate_w(what, columns): sum_w += weights · columns.
//
// Those wait at barriers, so whatever decides how often they are called must be seen to be the same
// in all threads: a local variable, since WGSL takes a private one to differ.

const LOWEST = -1.0e30;

// Numbers of a head as they lie in tensors: four, or two where heads are no multiple of four.
alias Part = vec$[WIDTH]f;

// The rows or the columns of a tile.
struct Lines {
  // Parts from the start of a tensor to the head's line 0.
  head: u32,
  // The tile's first line.
  first: u32,
}

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

//# if WIDTH == 2
// Four numbers of a head from d on, 0 beyond its end.
fn four_of(low: Part, high: Part, d: u32) -> vec4f {
  return vec4f(select(vec2f(), low, d < $[D]u), select(vec2f(), high, d + 2u < $[D]u));
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

