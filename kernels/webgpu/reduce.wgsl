// The sum and the maximum over a workgroup of 64 threads, known to all of them, always found in the
// same order. Every thread must call them, each once at most. The kernel says what they are of:
// alias Reduced = f32, vec2f or vec4f.
//
// SUBGROUPS: whether threads find them in their subgroup first, of however many threads it is.

// What `main` takes for them.
struct Invocation {
  @builtin(local_invocation_index) thread: u32,
//# if SUBGROUPS
  @builtin(subgroup_id) subgroup: u32,
  @builtin(num_subgroups) subgroups: u32,
  @builtin(subgroup_invocation_id) lane: u32,
//# end
}

//# if SUBGROUPS
// Of each subgroup, which has at least 4 threads.
var<workgroup> subgroupSums: array<Reduced, 16>;
var<workgroup> subgroupMaxima: array<Reduced, 16>;

fn workgroup_sum(value: Reduced, invocation: Invocation) -> Reduced {
  let own = subgroupAdd(value);
  if (invocation.lane == 0u) { subgroupSums[invocation.subgroup] = own; }
  workgroupBarrier();
  var sum = subgroupSums[0];
  for (var i = 1u; i < invocation.subgroups; i += 1u) { sum += subgroupSums[i]; }
  return sum;
}

fn workgroup_max(value: Reduced, invocation: Invocation) -> Reduced {
  let own = subgroupMax(value);
  if (invocation.lane == 0u) { subgroupMaxima[invocation.subgroup] = own; }
  workgroupBarrier();
  var highest = subgroupMaxima[0];
  for (var i = 1u; i < invocation.subgroups; i += 1u) {
    highest = max(highest, subgroupMaxima[i]);
  }
  return highest;
}
//# else
var<workgroup> threadValues: array<Reduced, 64>;
var<workgroup> eightSums: array<Reduced, 8>;
var<workgroup> eightMaxima: array<Reduced, 8>;

fn workgroup_sum(value: Reduced, invocation: Invocation) -> Reduced {
  let thread = invocation.thread;
  threadValues[thread] = value;
  workgroupBarrier();
  if (thread < 8u) {
    let first = thread * 8u;
    var sum = threadValues[first];
//# for i < 7
    sum += threadValues[first + $[i + 1]u];
//# end
    eightSums[thread] = sum;
  }
  workgroupBarrier();
  var sum = eightSums[0];
//# for i < 7
  sum += eightSums[$[i + 1]];
//# end
  return sum;
}

fn workgroup_max(value: Reduced, invocation: Invocation) -> Reduced {
  let thread = invocation.thread;
  threadValues[thread] = value;
  workgroupBarrier();
  if (thread < 8u) {
    let first = thread * 8u;
    var highest = threadValues[first];
//# for i < 7
    highest = max(highest, threadValues[first + $[i + 1]u]);
//# end
    eightMaxima[thread] = highest;
  }
  workgroupBarrier();
  var highest = eightMaxima[0];
//# for i < 7
  highest = max(highest, eightMaxima[$[i + 1]]);
//# end
  return highest;
}
//# end

