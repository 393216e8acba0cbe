/** What attention's forward pass keeps for its gradients, from the float64 loops. */
import { floats, random, type Spec } from "./check_operation.ts";
import { Float64Device } from "./float64_device.ts";

/** The output of queries (B, T, H, D), of their type, and its lse (B, H, T). */
export function attended(
  q: Spec,
  k: Spec,
  v: Spec,
  window: number,
  starts?: Spec,
): { out: Spec; lse: Spec } {
  const [B, T, H] = q.shape;
  const reference = new Float64Device();
  const tensor = ({ shape, values }: Spec) => {
    const tensor = reference.allocate("", shape);
    reference.write(tensor, values);
    return tensor;
  };
  const lse = random([B, H, T]), [outs, lses] = [tensor(q), tensor(lse)];
  const given = { q: tensor(q), k: tensor(k), v: tensor(v), starts: starts && tensor(starts) };
  reference.attention({ out: outs, lse: lses, ...given, window });
  lse.values.set(lses.data);
  return { out: floats(q.shape, outs.data, q.dtype), lse };
}
