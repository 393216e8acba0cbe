// What the attention kernels for adapters that run on the CPU share. There a workgroup is one
// subgroup of LANES threads, whose arithmetic is done at once but whose loads are done one by one,
// from workgroup memory as from any other. So a thread keeps the scores of R rows by C·LANES columns,
// its rows' own, loads C columns, and gets the others' from the threads that have loaded them.

const LOWEST = -1.0e30;

//# if WIDTH == 4
fn add_product(sum: f32, a: Element, b: Element) -> f32 {
  return fma(a.x, b.x, fma(a.y, b.y, fma(a.z, b.z, fma(a.w, b.w, sum))));
}
//# else
fn add_product(sum: f32, a: Element, b: Element) -> f32 {
  return fma(a, b, sum);
}
//# end
