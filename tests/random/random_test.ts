import { assertEquals, assertThrows } from "@std/assert";
import { NumpyGenerator, PythonRandom } from "../../lib/random/mod.ts";

interface RandomFixtures {
  python_random: {
    seed: number;
    shuffle_1000: number[];
    random: number[];
    randrange_7: number[];
    choice_of_370105: number[];
  }[];
  numpy_permutation: { seed: number; n: number; permutation: number[] }[];
}

const fixtures: RandomFixtures = JSON.parse(
  await Deno.readTextFile(new URL("../fixtures/tokens.json", import.meta.url)),
);

function times<T>(n: number, draw: () => T): T[] {
  return Array.from({ length: n }, draw);
}

for (const row of fixtures.python_random) {
  Deno.test(`PythonRandom(${row.seed}) gives Python's sequences`, () => {
    const items = Array.from({ length: 1000 }, (_, i) => i);
    new PythonRandom(row.seed).shuffle(items);
    assertEquals(items, row.shuffle_1000);
    const random = new PythonRandom(row.seed);
    assertEquals(times(row.random.length, () => random.random()), row.random);
    assertEquals(times(row.randrange_7.length, () => random.randrange(7)), row.randrange_7);
    const many = Uint32Array.from({ length: 370105 }, (_, i) => i);
    const drawn = times(row.choice_of_370105.length, () => random.choice(many));
    assertEquals(drawn, row.choice_of_370105);
  });
}

Deno.test("PythonRandom takes seeds of two words and gives more than 32 bits", () => {
  // Python: r = random.Random(2**40 + 3); r.getrandbits(48), r.randrange(10**12), r.randint(-5, 5)
  const random = new PythonRandom(2 ** 40 + 3);
  assertEquals(random.getrandbits(48), 17120683620302);
  assertEquals(random.randrange(10 ** 12), 917187984466);
  assertEquals(random.randint(-5, 5), -4);
  assertEquals(new PythonRandom(-42).random(), new PythonRandom(42).random());
});

Deno.test("PythonRandom refuses empty ranges and seeds that are not whole", () => {
  assertThrows(() => new PythonRandom(0.5), RangeError);
  assertThrows(() => new PythonRandom(0).choice([]), RangeError);
  assertThrows(() => new PythonRandom(0).randrange(3, 3), RangeError);
});

for (const row of fixtures.numpy_permutation) {
  Deno.test(`NumpyGenerator(${row.seed}).permutation(${row.n}) gives NumPy's order`, () => {
    assertEquals([...new NumpyGenerator(row.seed).permutation(row.n)], row.permutation);
  });
}

Deno.test("NumpyGenerator matches NumPy on a large permutation and a large seed", () => {
  // NumPy: default_rng(seed).permutation(460341), its first places and Σ i·p[i] mod 2^32
  const order = new NumpyGenerator(2 ** 35 + 1).permutation(460341);
  assertEquals([...order.subarray(0, 5)], [77849, 386418, 262286, 371866, 142806]);
  const checksum = order.reduce((sum, value, i) => (sum + Math.imul(i, value)) >>> 0, 0);
  assertEquals(checksum, 1957452080);
});
