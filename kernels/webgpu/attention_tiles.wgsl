// The products of attention_common through workgroup memory, for GPUs.

// Weights of all rows by column, four rows to a vec4.
var<workgroup> weights: array<vec4f, $[TX * CC * TY * RR / 4]>;
var<workgroup> tileRows: array<vec4f, $[TX * TY * RR]>;
var<workgroup> tileColumns: array<vec4f, $[TX * TX * CC]>;

// s = rows · columnsᵀ over the head, 4·TX numbers of it at a time.
fn product(what: u32, rows: Lines, columns: Lines, thread: u32, local: vec3u) {
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
      let r$[r] = load_row(what, rows, line * 4u + $[r]u, d + inner);
//# end
//# for e < 4
      tileRows[(inner + $[e]u) * $[TY * RR / 4]u + line] = vec4f(r0[$e], r1[$e], r2[$e], r3[$e]);
//# end
    }
    for (var block = thread; block < $[TX * TX * CC / 4]u; block += $[TX * TY]u) {
      let line = block / $[TX]u;
      let inner = block % $[TX]u * 4u;
//# for r < 4
      let r$[r] = load_column(what, columns, line * 4u + $[r]u, d + inner);
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
fn accumulate_$[w](what: u32, columns: Lines, thread: u32, local: vec3u) {
//# for n < (D + 4 * TX - 1) / (4 * TX)
  for (var i = thread; i < $[TX * TX * CC]u; i += $[TX * TY]u) {
    tileColumns[i] = load_column(what, columns, i / $[TX]u, (i % $[TX]u + $[n * TX]u) * 4u);
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

