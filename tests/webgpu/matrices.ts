/**
 * Runs the tests of operations, of parity and of subgroup matrices on Dawn and on lavapipe, Mesa's GPU
 * in software, of a version that has subgroup matrices and float16, in a Debian of its own:
 *
 *     deno run -A tests/webgpu/matrices.ts FOLDER [TEST...]
 *
 * The first time it installs that Debian in FOLDER, with `debootstrap`; this and the rest take root on
 * Linux. TEST is a file of `tests/`; without one they are those that run on Dawn, and the matrices'.
 */
import { fromFileUrl } from "@std/path";
import { DAWN } from "../../lib/device/webgpu/provider.ts";
import { DAWN_FILES } from "./dawn_files.ts";

const DEBIAN = "http://deb.debian.org/debian";
const DRIVER = "/usr/share/vulkan/icd.d/lvp_icd.json";

/** Makes the Debian that is not there yet. */
const INSTALL = `set -e
test -e "$FOLDER/etc/debian_version" || debootstrap --variant=minbase trixie "$FOLDER" ${DEBIAN}
echo "deb ${DEBIAN} trixie main
deb ${DEBIAN} trixie-backports main" > "$FOLDER/etc/apt/sources.list"
cp /etc/resolv.conf "$FOLDER/etc/resolv.conf"
chroot "$FOLDER" apt-get update
DEBIAN_FRONTEND=noninteractive chroot "$FOLDER" apt-get install --yes --no-install-recommends \\
  --target-release trixie-backports mesa-vulkan-drivers`;

/** Runs a program in it that sees this repository and Deno's cache; what is mounted ends with it. */
const RUN = `set -e
for place in repository deno cache; do mkdir -p "$FOLDER/mnt/$place"; done
mount --bind "$REPOSITORY" "$FOLDER/mnt/repository"
mount --bind "$CACHE" "$FOLDER/mnt/cache"
mount -t proc proc "$FOLDER/proc"
mount --rbind /dev "$FOLDER/dev"
cp "$DENO" "$FOLDER/mnt/deno/deno"
exec chroot "$FOLDER" sh -c 'cd /mnt/repository && exec "$@"' sh "$@"`;

/** Runs a shell script; ends this program where it fails. */
async function shell(command: string[], env: Record<string, string> = {}): Promise<void> {
  const [program, ...args] = command;
  const { code } = await new Deno.Command(program, { args, env }).spawn().status;
  if (code !== 0) Deno.exit(code);
}

const [FOLDER, ...asked] = Deno.args;
if (!FOLDER) {
  console.error("usage: deno run -A tests/webgpu/matrices.ts FOLDER [TEST...]");
  Deno.exit(1);
}
const tests = asked.length > 0 ? asked : [...DAWN_FILES, "webgpu/matrices_test.ts"];
const REPOSITORY = fromFileUrl(new URL("../..", import.meta.url));
const info = new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).outputSync();
const { denoDir } = JSON.parse(new TextDecoder().decode(info.stdout));

const isThere = await Deno.stat(FOLDER + DRIVER).then(() => true, () => false);
if (!isThere) await shell(["sh", "-c", INSTALL], { FOLDER });
// There is no network inside but for the system's own.
await shell([Deno.execPath(), "cache", DAWN, ...tests.map((name) => `${REPOSITORY}tests/${name}`)]);
for (const name of tests) {
  const test = ["/mnt/deno/deno", "test", "-A", "--no-check", "--cached-only", `tests/${name}`];
  await shell(["unshare", "--mount", "sh", "-c", RUN, "sh", ...test], {
    ...{ FOLDER, REPOSITORY, CACHE: denoDir, DENO: Deno.execPath() },
    ...{ DENO_DIR: "/mnt/cache", VK_ICD_FILENAMES: DRIVER, XDG_RUNTIME_DIR: "/tmp" },
    NANOCHAT_TEST_WEBGPU: "dawn",
  });
}
