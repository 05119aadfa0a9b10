import { agentAttack } from "./agents.ts";
import type { Attack } from "./attack.ts";
import { controlAttack } from "./control.ts";
import { greetingAttack } from "./greetings.ts";
import { packetAttack } from "./packets.ts";
import { tableAttack } from "./tables.ts";

/** All of them; each is a file of its own. */
export const ATTACKS: readonly Attack[] = [
  packetAttack,
  agentAttack,
  controlAttack,
  tableAttack,
  greetingAttack,
];
