/** One contract, held by every implementation of the ports. */
import type { Implementation } from "./contract/implementation.ts";
import { linkContract } from "./contract/link_contract.ts";
import { roleContract } from "./contract/role_contract.ts";
import { simulatedImplementation } from "./contract/simulated_implementation.ts";
import { storeContract } from "./contract/store_contract.ts";
import { transportContract } from "./contract/transport_contract.ts";
import { workerImplementation } from "./contract/worker_implementation.ts";

type Contract = Record<string, (implementation: Implementation) => void | Promise<void>>;

const contracts: Record<string, Contract> = {
  transport: transportContract,
  links: linkContract,
  store: storeContract,
  roles: roleContract,
};

for (const make of [workerImplementation, simulatedImplementation]) {
  const name = make.name.replace("Implementation", "");
  for (const [area, contract] of Object.entries(contracts)) {
    for (const [title, holds] of Object.entries(contract)) {
      Deno.test(`${name}: ${area}: ${title}`, async () => {
        const implementation = make();
        try {
          await holds(implementation);
        } finally {
          implementation.dispose();
        }
      });
    }
  }
}
