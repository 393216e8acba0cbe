/** Fetches a split and tells how far it is, for a test that kills it. */

import { HubSource } from "../../../lib/tasks/hub/hub_source.ts";

const source = new HubSource(Deno.env.get("BASE_DIR")!, {
  endpoint: Deno.env.get("ENDPOINT"),
  progress: (label) => ({
    update: (done) => console.log(`${label} at ${done}`),
    finish() {},
  }),
});
await source.rows("HuggingFaceTB/smol-smoltalk", "default", "train");
