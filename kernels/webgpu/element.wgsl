// What kernels over elements share. They work on vec4s where WIDTH is 4 (sizes allow it), else on
// single numbers.

//# if WIDTH == 4
alias Element = vec4f;

fn total(x: Element) -> f32 {
  return (x.x + x.y) + (x.z + x.w);
}
//# else
alias Element = f32;

fn total(x: Element) -> f32 {
  return x;
}
//# end

// The number of a workgroup in a grid that is one line folded into two dimensions.
fn flat_index(group: vec3u, groups: vec3u) -> u32 {
  return group.x + group.y * groups.x;
}

