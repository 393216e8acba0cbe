/** Another version of the repository, checked out beside this one. */
import { UserError } from "../../lib/errors.ts";

/** A git worktree, which is removed at the end. */
export class Worktree implements AsyncDisposable {
  private constructor(private readonly root: string, readonly folder: string) {}

  /**
   * Checks a commit out.
   *
   * @param root A folder of the repository.
   * @param folder Where it goes; it is made.
   * @throws {UserError} when git cannot do that.
   */
  static async add(root: string, folder: string, commit: string): Promise<Worktree> {
    await git(root, "worktree", "add", "--quiet", "--detach", folder, commit);
    return new Worktree(root, folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await git(this.root, "worktree", "remove", "--force", this.folder);
  }
}

/**
 * The short name of the commit that a branch, a tag or a commit's name means.
 *
 * @throws {UserError} when there is none.
 */
export async function shortCommit(root: string, ref: string): Promise<string> {
  try {
    return await git(
      root,
      "rev-parse",
      "--short",
      "--verify",
      "--end-of-options",
      `${ref}^{commit}`,
    );
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${ref} is no commit, branch or tag of this repository`);
  }
}

/** Runs git and gives what it printed. */
async function git(cwd: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("git", { args, cwd }).output();
  const text = new TextDecoder();
  if (!success) throw new UserError(`git ${args.join(" ")}: ${text.decode(stderr).trim()}`);
  return text.decode(stdout).trim();
}
