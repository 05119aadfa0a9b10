import { Failure } from "../failure.ts";
import type { Person } from "../person.ts";
import type { Settled } from "../table/decision.ts";
import { type Answers, together } from "./answers.ts";
import { typed } from "./by_hand.ts";

/** Ways to log in, by the names of RFC 4252 and RFC 4256. */
export type Method = "publickey" | "keyboard-interactive" | "password";

/** PreferredAuthentications of ssh_config(5), as far as there is something for it here. */
const METHODS: readonly Method[] = ["publickey", "keyboard-interactive", "password"];

/** The keys that turn each of them off; ssh(1) before 8.7 calls the second another name. */
const SWITCHES: Readonly<Record<Method, readonly string[]>> = {
  publickey: ["pubkeyauthentication"],
  "keyboard-interactive": ["kbdinteractiveauthentication", "challengeresponseauthentication"],
  password: ["passwordauthentication"],
};

/** What may be tried, best first: PreferredAuthentications less what is turned off. */
export function methodsOf(config: Answers): Settled<readonly Method[]> {
  const wanted = config.one("preferredauthentications", METHODS.join(","));
  const first: Settled<readonly Method[]> = {
    value: wanted.value.split(",").filter((name): name is Method => METHODS.some((one) => one === name)),
    from: wanted.from,
  };
  return METHODS.reduce(
    (left, method) =>
      SWITCHES[method].reduce(
        (rest, key) =>
          together(rest, config.one(key, "yes"), (names, value) =>
            /^(no|false)$/.test(value) ? names.filter((name) => name !== method) : names,
          ),
        left,
      ),
    first,
  );
}

/** Whether the host key may be signed along with a key's proof: not where PubkeyAuthentication is "unbound". */
export function bindsProofs(config: Answers): Settled<boolean> {
  const { value, from } = config.one("pubkeyauthentication", "yes");
  return { value: value !== "unbound", from };
}

/** Those of a server's methods that we know, and that ssh_config turns off. */
export function turnedOff(own: readonly Method[], wanted: readonly string[]): readonly Method[] {
  return METHODS.filter((method) => wanted.includes(method) && !own.includes(method));
}

/** Throws a Failure when nothing may be tried: without a person only keys can be. */
export function requireMethod(
  {
    server,
    methods,
    byHand,
  }: {
    readonly server: string;
    readonly methods: Settled<readonly Method[]>;
    readonly byHand: readonly string[];
  },
  person: Person | undefined,
): void {
  const { value } = methods;
  if (person === undefined ? value.includes("publickey") : value.length > 0) return;
  const what =
    person === undefined ? "off public key authentication, which mail calls need" : "off every way to log in";
  const login = `log in on a terminal: ${typed("preauth", "--login", server)}`;
  throw new Failure("auth", server, `ssh_config turns ${what}`, {
    hints: [
      ...(person === undefined && value.length > 0 ? [login] : []),
      `find the file that sets PubkeyAuthentication or PreferredAuthentications: ${typed("ssh", "-vG", ...byHand)}`,
    ],
  });
}
