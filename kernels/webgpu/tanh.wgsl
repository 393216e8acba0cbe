// WGSL leaves the precision of tanh open, and some implementations overflow: here it is exact to a
// few units in the last place, by its series for small x and by exp elsewhere.
fn tanh_precise(x: Element) -> Element {
  let s = x * x;
  let series = x * (1.0 + s * (-1.0 / 3.0 + s * (2.0 / 15.0 + s * (-17.0 / 315.0 + s * (62.0 / 2835.0)))));
  let t = exp(-2.0 * abs(x));
  return select(sign(x) * (1.0 - t) / (1.0 + t), series, abs(x) < Element(0.3));
}

// 1 − tanh(x)², without the cancellation.
fn tanh_slope(x: Element) -> Element {
  let t = exp(-2.0 * abs(x));
  return 4.0 * t / ((1.0 + t) * (1.0 + t));
}

