// The sum over a workgroup of 64 threads, known to all of them, always added in the same order.
// Every thread must call it. The kernel says what is summed: alias Reduced = f32, vec2f or vec4f.

var<workgroup> reduceThreads: array<Reduced, 64>;
var<workgroup> reduceEights: array<Reduced, 8>;

fn workgroup_sum(value: Reduced, thread: u32) -> Reduced {
  reduceThreads[thread] = value;
  workgroupBarrier();
  if (thread < 8u) {
    let first = thread * 8u;
    var sum = reduceThreads[first];
//# for i < 7
    sum += reduceThreads[first + $[i + 1]u];
//# end
    reduceEights[thread] = sum;
  }
  workgroupBarrier();
  var sum = reduceEights[0];
//# for i < 7
  sum += reduceEights[$[i + 1]];
//# end
  return sum;
}

