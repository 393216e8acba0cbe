// What the attention kernels for GPUs share (Dao, FlashAttention-2). A workgroup of SIDE by SIDE
// threads owns 4·SIDE rows (queries, or keys for their own gradients) and meets as many columns at a
// time. A thread has the scores of the four rows from 4·local.y on by the four columns from 4·local.x
// on, and sums of its rows: four numbers of every 4·SIDE in a head.
//
// The kernel provides load_row(what, row, d) and load_column(what, first, column, d), which give four
// numbers of a head from d on, 0 beyond its end; `what` is a constant that chooses among its tensors.
//
// From either attention_tiles or attention_matrix it takes
// - product(what, first): rows · columnsᵀ over the head;
// - share_weights(weights): hands the thread's weights to the others;
// - accumulate(sums, what, first, n): sums + weights · columns.
//
// They wait at barriers, so whatever decides how often they are called must be seen
// to be the same in all threads: a local variable, since WGSL takes a private one to differ.

const LOWEST = -1.0e30;

//# if WIDTH == 1
// Four numbers of a head from d on, 0 beyond its end.
fn masked(x: vec4f, d: u32) -> vec4f {
  return select(vec4f(), x, vec4u(d) + vec4u(0u, 1u, 2u, 3u) < vec4u($[D]u));
}

//# end

