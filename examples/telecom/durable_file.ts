/**
 * Small files that are either as they were or as they are meant to be, whatever happens meanwhile.
 *
 * @module
 */

/**
 * Replaces a file at once: a new one is written beside it, made durable, and takes its name.
 *
 * @param mode Permissions; 0o600 keeps others from reading it.
 */
export async function writeFileDurably(path: string, text: string, mode = 0o644): Promise<void> {
  const beside = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    const file = await Deno.open(beside, { write: true, createNew: true, mode });
    try {
      let rest = new TextEncoder().encode(text);
      while (rest.length > 0) rest = rest.subarray(await file.write(rest));
      await file.sync();
    } finally {
      file.close();
    }
    await Deno.rename(beside, path);
  } catch (error) {
    await Deno.remove(beside).catch(() => {});
    throw error;
  }
  await syncFolder(path.slice(0, path.lastIndexOf("/") + 1) || ".");
}

/** Makes the names in a folder durable; some systems cannot and need not. */
async function syncFolder(path: string): Promise<void> {
  try {
    using folder = await Deno.open(path);
    await folder.sync();
  } catch {
    // Not every system opens folders.
  }
}
