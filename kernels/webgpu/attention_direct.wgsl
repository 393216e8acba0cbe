// The products of attention_common straight from the tensors, for adapters that run on the CPU and
// gain nothing from workgroup memory.

// s = rows · columnsᵀ over the head.
fn product(what: u32, rows: Lines, columns: Lines, thread: u32, local: vec3u) {
//# for i < RR
//# for j < CC / 4
  s$[i]_$[j] = vec4f();
//# end
//# end
  for (var d = 0u; d < $[D]u; d += 4u) {
//# for j < CC
    let b$[j] = load_column(what, columns, (local.x + $[j / 4 * TX]u) * 4u + $[j % 4]u, d);
//# end
//# for i < RR
    let a$[i] = load_row(what, rows, (local.y + $[i / 4 * TY]u) * 4u + $[i % 4]u, d);
//# for j < CC / 4
    s$[i]_$[j] += vec4f(dot(a$[i], b$[4 * j]), dot(a$[i], b$[4 * j + 1]), dot(a$[i], b$[4 * j + 2]),
      dot(a$[i], b$[4 * j + 3]));
//# end
//# end
  }
}

//# for w < OUTPUTS
// sum$[w] += weights · columns.
fn accumulate_$[w](what: u32, columns: Lines, thread: u32, local: vec3u) {
  workgroupBarrier();
  for (var c = 0u; c < $[TX * CC]u; c += 1u) {
//# for i < RR / 4
    let w$[i] = weights[c * $[TY * RR / 4]u + local.y + $[i * TY]u];
//# end
//# for n < (D + 4 * TX - 1) / (4 * TX)
    let column$[n] = load_column(what, columns, c, (local.x + $[n * TX]u) * 4u);
//# for i < RR
    sum$[w]_$[i]_$[n] = fma(vec4f(w$[i / 4][$[i % 4]]), column$[n], sum$[w]_$[i]_$[n]);
//# end
//# end
  }
  workgroupBarrier();
}
//# end

