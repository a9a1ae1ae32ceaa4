/** Makes forced commits through the store of the worker implementation; run under strace. */
import { SqliteStore } from "../../runtime/worker/sqlite_store.ts";

const [path, synchronous, commits] = Deno.args;
const store = new SqliteStore(path!, synchronous as "FULL" | "OFF");
for (let i = 0; i < Number(commits); i++) {
  store.append({ kind: "prepared", i });
  store.commit();
}
store.close();
