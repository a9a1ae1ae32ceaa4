/**
 * Forced records really reach the disk. A killed process leaves the page cache behind, so that
 * killing proves nothing: this counts the calls that sync.
 */
import { assert, assertLess } from "@std/assert";

const COMMITS = 50;

async function traced(): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("strace", {
      args: ["-c", "true"],
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

const canTrace = await traced();
if (!canTrace) {
  const text = "strace is not found or not allowed: whether commits are synced is NOT tested";
  if (Deno.env.get("CI") === "true") throw new Error(text);
  console.warn(text);
}

/** How often the process of `commit_forced.ts` synced a file. */
async function syncs(synchronous: "FULL" | "OFF"): Promise<number> {
  const folder = await Deno.makeTempDir({ prefix: "trunkline-sync-" });
  try {
    const { success, stderr } = await new Deno.Command("strace", {
      args: [
        ...["-f", "-e", "trace=fsync,fdatasync", "-o", `${folder}/trace`],
        ...[Deno.execPath(), "run", "--allow-read", "--allow-write", "--allow-env"],
        new URL("./commit_forced.ts", import.meta.url).pathname,
        ...[`${folder}/store.sqlite`, synchronous, String(COMMITS)],
      ],
      stdout: "null",
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    const trace = await Deno.readTextFile(`${folder}/trace`);
    return trace.split("\n").filter((line) => /\b(fsync|fdatasync)\(/.test(line)).length;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({
  name: "durability: every forced commit is synced, and the count would show if not",
  ignore: !canTrace,
  async fn() {
    const full = await syncs("FULL");
    assert(full >= COMMITS, `${COMMITS} commits made ${full} syncs`);
    assertLess(await syncs("OFF"), COMMITS / 5);
  },
});
