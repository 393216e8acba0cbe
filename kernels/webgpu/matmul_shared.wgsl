// Matrix product by tiles in workgroup memory: a workgroup of TX by TY threads computes TY·RM rows
// by TX·RN columns, BK steps of the inner dimension at a time. Both tiles are stored k-major, so
// that a thread reads rows and columns as vec4s. The next tiles are on their way from memory while
// these are multiplied.
//
// A thread brings blocks of 4 by 4. Where rows run along k, neighbours bring neighbouring blocks of
// a row (whole cache lines) and store them transposed, each in four rows of the tile that are a
// multiple of 128 bytes apart. So that eight threads still meet the eight vec4s that workgroup
// memory gives at once, the place in a tile's row is exclusive-or'd with a number that differs for
// each four steps: `swizzle`. Reading, it only changes the order of eight neighbours.

var<workgroup> tileA: array<$FOUR, $[BK * TY * RM / 4]>;
var<workgroup> tileB: array<$FOUR, $[BK * TX * RN / 4]>;

struct Block {
//# for r < 4
  r$r: vec4f,
//# end
}

fn swizzle(s: u32) -> u32 {
  return s / $[BK / 8]u;
}

// Blocks are those of a, then those of b, so that all threads are at work.
fn fetch(block: u32, matrix: u32, row: u32, column: u32, k: u32) -> Block {
  if (block < $[BK * TY * RM / 16]u) {
//# if A_K_ROWS
    let m = row + block % $[TY * RM / 4]u * 4u;
    let s = k + block / $[TY * RM / 4]u * 4u;
    return Block(
//# for r < 4
      load_a(matrix, s + $[r]u, m),
//# end
    );
//# else
    let m = row + block / $[BK / 4]u * 4u;
    let s = k + block % $[BK / 4]u * 4u;
    return Block(
//# for r < 4
      load_a(matrix, m + $[r]u, s),
//# end
    );
//# end
  }
  let other = block - $[BK * TY * RM / 16]u;
//# if B_K_ROWS
  let n = column + other % $[TX * RN / 4]u * 4u;
  let s = k + other / $[TX * RN / 4]u * 4u;
  return Block(
//# for r < 4
    load_b(matrix, s + $[r]u, n),
//# end
  );
//# else
  let n = column + other / $[BK / 4]u * 4u;
  let s = k + other % $[BK / 4]u * 4u;
  return Block(
//# for r < 4
    load_b(matrix, n + $[r]u, s),
//# end
  );
//# end
}

fn put(block: u32, numbers: Block) {
  if (block < $[BK * TY * RM / 16]u) {
//# for r < 4
    let a$r = $FOUR(factor_a(numbers.r$r));
//# end
//# if A_K_ROWS
    let m = block % $[TY * RM / 4]u;
    let s = block / $[TY * RM / 4]u * 4u;
//# for r < 4
    tileA[(s + $[r]u) * $[TY * RM / 4]u + m] = a$r;
//# end
//# else
    let s = block % $[BK / 4]u * 4u;
    let m = (block / $[BK / 4]u) ^ swizzle(s);
//# for r < 4
    tileA[(s + $[r]u) * $[TY * RM / 4]u + m] = $FOUR(a0[$r], a1[$r], a2[$r], a3[$r]);
//# end
//# end
    return;
  }
  let other = block - $[BK * TY * RM / 16]u;
//# for r < 4
  let b$r = $FOUR(factor_b(numbers.r$r));
//# end
//# if B_K_ROWS
  let n = other % $[TX * RN / 4]u;
  let s = other / $[TX * RN / 4]u * 4u;
//# for r < 4
  tileB[(s + $[r]u) * $[TX * RN / 4]u + n] = b$r;
//# end
//# else
  let s = other % $[BK / 4]u * 4u;
  let n = (other / $[BK / 4]u) ^ swizzle(s);
//# for r < 4
  tileB[(s + $[r]u) * $[TX * RN / 4]u + n] = $FOUR(b0[$r], b1[$r], b2[$r], b3[$r]);
//# end
//# end
}

@compute @workgroup_size($TX, $TY)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let matrix = matrix_of(group.z);
  let row = group.y * $[TY * RM]u;
  let column = group.x * $[TX * RN]u;
  if (is_mirrored(row, column, $[TX * RN]u)) { return; }
  let first = first_step(group.z);
  let end = last_step(group.z);
  enter_outputs(row, column);
  enter_steps(first);
//# for i < RM
//# for j < RN / 4
  var sum$[i]_$[j] = vec4f();
//# end
//# end
//# for p < LOADS
  let block$p = thread + $[p * TX * TY]u;
  var next$p = fetch(block$p, matrix, row, column, first);
//# end

  for (var k = first; k < end; k += $[BK]u) {
    workgroupBarrier();
//# for p < LOADS
//# if BK * (TY * RM + TX * RN) / 16 < (p + 1) * TX * TY
    if (block$p < $[BK * (TY * RM + TX * RN) / 16]u) { put(block$p, next$p); }
//# else
    put(block$p, next$p);
//# end
//# end
    workgroupBarrier();
    if (k + $[BK]u < end) {
      enter_steps(k + $[BK]u);
//# for p < LOADS
      next$p = fetch(block$p, matrix, row, column, k + $[BK]u);
//# end
    }

    for (var s = 0u; s < $[BK]u; s += 4u) {
//# if A_K_ROWS
      let y = local.y;
//# else
      let y = local.y ^ swizzle(s);
//# end
//# if B_K_ROWS
      let x = local.x;
//# else
      let x = local.x ^ swizzle(s);
//# end
//# for s < 4
//# for i < RM / 4
      let a$[i]_$[s] = vec4f(tileA[(s + $[s]u) * $[TY * RM / 4]u + y + $[i * TY]u]);
//# end
//# for j < RN / 4
      let b$[j]_$[s] = vec4f(tileB[(s + $[s]u) * $[TX * RN / 4]u + x + $[j * TX]u]);
//# end
//# for i < RM
//# for j < RN / 4
      sum$[i]_$[j] = fma(vec4f(a$[i / 4]_$[s][$[i % 4]]), b$[j]_$[s], sum$[i]_$[j]);
//# end
//# end
//# end
    }
  }

//# for i < RM / 4
//# for j < RN / 4
  store_block(group.z, row + (local.y + $[i * TY]u) * 4u, column + (local.x + $[j * TX]u) * 4u,
    sum$[4 * i]_$j, sum$[4 * i + 1]_$j, sum$[4 * i + 2]_$j, sum$[4 * i + 3]_$j);
//# end
//# end
}
