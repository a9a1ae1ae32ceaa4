/** How long a line for locks may be by three-phase commit: so that its end has patience left. */
import { assertEquals } from "@std/assert";
import { id, PARTICIPANT, prepare, Scene } from "./role_scene.ts";

/** Patience is 1100 ms: for locks 100, for leases 1000. */
const TURN_MS = 200;

function abort(scene: Scene, sequence: number): Promise<void> {
  return scene.tell(PARTICIPANT, "3pc.abort", { id: { ...id, sequence }, you: 0 });
}

async function begin(scene: Scene, ...sequences: number[]): Promise<void> {
  for (const sequence of sequences) {
    scene.system.tell(PARTICIPANT, "3pc.prepare", prepare(sequence));
  }
  await scene.system.advance(20);
}

function noes(scene: Scene): unknown[] {
  return scene.said("3pc.voteNo").map(({ body }) => {
    const { sequence } = body["id"] as typeof id;
    return [sequence, body["retryable"], (body["reason"] as { readonly code: string }).code];
  });
}

Deno.test("a line whose end is not served in half of the patience is refused at once", async () => {
  await using scene = await new Scene().withParticipant();
  // Nobody knows yet how long a turn is: all may wait.
  await begin(scene, 1, 2, 3, 4, 5, 6, 7, 8);
  assertEquals(scene.said("3pc.voteYes").length, 1);
  assertEquals(noes(scene), []);
  for (let sequence = 1; sequence <= 8; sequence++) await abort(scene, sequence);
  for (let sequence = 20; sequence < 60; sequence++) {
    await begin(scene, sequence);
    await scene.system.advance(TURN_MS);
    await abort(scene, sequence);
  }
  scene.heard.length = 0;
  // Three turns take more than 550 ms.
  await begin(scene, 60, 61, 62, 63, 64, 65);
  assertEquals(scene.said("3pc.voteYes").map(({ body }) => body["index"]), [0]);
  assertEquals(noes(scene), [[64, true, "conflict"], [65, true, "conflict"]]);
  await abort(scene, 60);
  await begin(scene, 66); // There is room again.
  assertEquals(noes(scene).length, 2);
});

Deno.test("one turn that lasts for ever does not keep everybody away", async () => {
  await using scene = await new Scene().withParticipant();
  await begin(scene, 1);
  await scene.system.advance(60_000);
  await abort(scene, 1);
  await begin(scene, 2, 3); // One may wait, however long turns are.
  assertEquals(noes(scene), []);
});
