// A number of x, which the gates of value embeddings read one by one.
fn number_of_x(i: u32) -> f32 {
//# if HALF_X
  return $X_WIDEN(x[i / 4u])[i % 4u];
//# else
  return x[i];
//# end
}

