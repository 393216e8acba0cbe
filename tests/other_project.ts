/** A project outside the repository that imports the package: the one that lies here, not JSR's. */
import { fromFileUrl, join, resolve } from "@std/path";
import config from "../deno.json" with { type: "json" };

const root = fromFileUrl(new URL("..", import.meta.url));

/** A folder of its own, which is removed at the end. */
export class OtherProject implements AsyncDisposable {
  private constructor(readonly folder: string) {}

  /** An empty project, or a copy of a folder without folders. */
  static async create(from?: string): Promise<OtherProject> {
    const folder = await Deno.makeTempDir();
    const ownConfig = { imports: { [config.name]: `jsr:${config.name}@^${config.version}` } };
    if (from !== undefined) {
      for await (const { name, isFile } of Deno.readDir(from)) {
        if (isFile) await Deno.copyFile(join(from, name), join(folder, name));
      }
      Object.assign(ownConfig, JSON.parse(await Deno.readTextFile(join(from, "deno.json"))));
    }
    const links = [root, ...config.links.map((link) => resolve(root, link))];
    await Deno.writeTextFile(join(folder, "deno.json"), JSON.stringify({ ...ownConfig, links }));
    return new OtherProject(folder);
  }

  /** Writes a file. */
  async write(name: string, text: string): Promise<void> {
    await Deno.writeTextFile(join(this.folder, name), text);
  }

  /** Runs a script without colours and gives what it printed. */
  async run(script: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", script, ...args],
      cwd: this.folder,
      env: { NO_COLOR: "1" },
      stdin: "null",
    }).output();
    const text = new TextDecoder();
    return { stdout: text.decode(stdout), stderr: text.decode(stderr) };
  }

  /** Removes the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}
