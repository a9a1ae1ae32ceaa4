/**
 * What a participant makes of messages about transactions that it has forgotten, or of which it has
 * heard from a peer first.
 */
import { assertEquals } from "@std/assert";
import { CLIENT } from "../../runtime/role.ts";
import { id, PARTICIPANT, prepare, Scene } from "./role_scene.ts";

/** Commits number 3 by three-phase commit; what its store is called. */
async function commit(scene: Scene): Promise<string> {
  await scene.tell(PARTICIPANT, "3pc.prepare", prepare(3));
  const store = String(scene.said("3pc.voteYes")[0]!.body["store"]);
  await scene.tell(PARTICIPANT, "3pc.preCommit", { id });
  assertEquals(scene.said("3pc.preCommitAck").length, 1);
  await scene.tell(PARTICIPANT, "3pc.commit", { id, you: 0, store });
  assertEquals(scene.said("3pc.ack").map(({ body }) => body["outcome"]), ["commit"]);
  return store;
}

Deno.test("a commit below the watermark is acknowledged whether it names the store or not", async () => {
  await using scene = await new Scene().withParticipant();
  const store = await commit(scene);
  // A coordinator that was told the outcome does not know who voted, so it names nobody.
  for (const named of [{}, { store }]) {
    scene.heard.length = 0;
    await scene.tell(PARTICIPANT, "3pc.commit", { id, you: 0, ...named });
    assertEquals(scene.said("3pc.ack").length, 1, "known still");
  }
  await scene.tell(PARTICIPANT, "3pc.prepare", { ...prepare(9), lowest: 8 });
  const stats = await scene.system.until(scene.system.ask(PARTICIPANT, "$stats"));
  const { committed, threePhase } = stats as { committed: number; threePhase: object };
  assertEquals([committed, threePhase], [1, { uncertain: 1 }], "number 3 is forgotten");
  for (const named of [{}, { store }]) {
    scene.heard.length = 0;
    await scene.tell(PARTICIPANT, "3pc.commit", { id, you: 0, ...named });
    assertEquals(
      scene.said("3pc.ack").map(({ body: { id: _, ...body } }) => body),
      [{ index: 0, outcome: "commit" }],
      JSON.stringify(named),
    );
  }
});

Deno.test("a commit that this store never voted for is not acknowledged, and no peer's either", async () => {
  await using scene = await new Scene().withParticipant();
  const store = await commit(scene);
  await scene.tell(PARTICIPANT, "3pc.prepare", { ...prepare(9), lowest: 8 });
  scene.heard.length = 0;
  const above = { ...id, sequence: 11 };
  await scene.tell(PARTICIPANT, "3pc.commit", { id: above, you: 0 });
  await scene.tell(PARTICIPANT, "3pc.commit", { id: above, you: 0, store });
  await scene.tell(PARTICIPANT, "3pc.commit", { id, you: 0, store: "another" });
  await scene.forge(PARTICIPANT, "3pc.commit", { id, you: 0, store });
  assertEquals(scene.said("3pc.ack"), []);
  assertEquals(await scene.forbidden(PARTICIPANT), 4);
});

for (
  const [protocol, question] of [["", "inquiry"], ["3pc.", "inquiry"], ["3pc.", "stateRequest"]]
) {
  const asked = `${protocol}${question}`;
  Deno.test(`who has refused a peer's ${asked} answers a later prepare with a no`, async () => {
    // The client speaks for the coordinator, and for the peer that asks.
    await using scene = await new Scene().withParticipant([CLIENT]);
    await scene.tell(PARTICIPANT, asked, { id, index: 1, you: 0, epoch: 1 });
    assertEquals(scene.said(`${protocol}abort`).length, question === "inquiry" && protocol ? 0 : 1);
    const late = { ...prepare(3), peers: [PARTICIPANT, CLIENT] };
    for (let copies = 1; copies <= 2; copies++) {
      await scene.tell(PARTICIPANT, `${protocol}prepare`, late);
      const said = scene.said(`${protocol}voteNo`);
      assertEquals(said.map(({ body }) => body["index"]), Array(copies).fill(0));
    }
    assertEquals(scene.said(`${protocol}voteYes`), []);
  });

  Deno.test(`and after a restart, too (${asked})`, async () => {
    await using scene = await new Scene().withParticipant([CLIENT]);
    await scene.tell(PARTICIPANT, asked, { id, index: 1, you: 0, epoch: 1 });
    scene.system.crash(PARTICIPANT);
    await scene.withParticipant([CLIENT]);
    await scene.tell(PARTICIPANT, `${protocol}prepare`, prepare(3));
    assertEquals(scene.said(`${protocol}voteNo`).map(({ body }) => body["index"]), [0]);
  });
}
