import type { Answers } from "./answers.ts";

/** Ways in that somebody has chosen in ssh_config and that there are not, each with what to do instead. */
export function unbuilt(answers: Answers): readonly { readonly keyword: string; readonly why: string }[] {
  const provider = answers.one("pkcs11provider", "none").value;
  const isChosen = provider.toLowerCase() !== "none";
  return [
    ...(isChosen
      ? [
          {
            keyword: "PKCS11Provider",
            why: "not built in (doc/ssh.md); ssh-add -s puts a token's keys into an agent",
          },
        ]
      : []),
    ...(answers.flag("hostbasedauthentication").value
      ? [
          {
            keyword: "HostbasedAuthentication",
            why: "not built in (doc/ssh.md); the server must accept another login",
          },
        ]
      : []),
  ];
}
