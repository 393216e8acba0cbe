// What attention's gradients read; a kernel adds what it writes, at bindings 1 and 2. STARTS: no
// query sees a key before its start, which attention_delta keeps with its delta.

struct Args {
  T: u32,
  H: u32,
  Hkv: u32,
  window: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(3) var<storage, read> q: array<$PART>;
@group(0) @binding(4) var<storage, read> k: array<$PART>;
@group(0) @binding(5) var<storage, read> v: array<$PART>;
@group(0) @binding(6) var<storage, read> dout: array<Element>;
@group(0) @binding(7) var<storage, read> lse: array<f32>;
//# if STARTS
@group(0) @binding(8) var<storage, read> delta: array<vec2f>;
//# else
@group(0) @binding(8) var<storage, read> delta: array<f32>;
//# end

