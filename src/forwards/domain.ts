import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";

/** A domain that this machine is in, and who says so. */
export interface OwnDomain {
  readonly domain: string;
  /** `hostname -d`, `domainname`, or the path of resolv.conf. */
  readonly source: string;
}

export interface DomainOptions {
  /** Aborted when it has taken long enough; what is not known by then stays unknown. */
  readonly signal: AbortSignal;
  /** Where the programs are looked for. Default: our own environment. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: /etc/resolv.conf. */
  readonly resolvConf?: string;
}

/** DNS, as this machine's own name has it, and NIS. */
const PROGRAMS = [["hostname", "-d"], ["domainname"]] as const;

/** What each source says: all are asked at once, none rejects. */
export function ownDomains(options: DomainOptions): readonly Promise<readonly OwnDomain[]>[] {
  const file = options.resolvConf ?? "/etc/resolv.conf";
  const fromFile = readFile(file, "utf8").then(parseResolvConf, () => []);
  const named = (source: string) => (domains: readonly string[]) =>
    domains.map((domain) => ({ domain, source }));
  return [
    ...PROGRAMS.map((words) =>
      run(words, options)
        .then(parseDomainName)
        .then(named(words.join(" "))),
    ),
    fromFile.then(named(file)),
  ];
}

/**
 * What a program prints; nothing where it is missing, fails, or is killed. Its descriptors are pipes: one that held our
 * fd 1 would hold up the mail client. hostname asks DNS for its domain, which can take long: it is killed then.
 */
function run([program = "", ...words]: readonly string[], { env, signal }: DomainOptions): Promise<string> {
  const options = { signal, killSignal: "SIGKILL", ...(env && { env: { ...env } }) } as const;
  const answer = new Promise<string>((resolve) => {
    const child = execFile(program, words, options, (error, stdout) => resolve(error === null ? stdout : ""));
    child.stdin?.on("error", () => {}).end();
  });
  // What cannot even be tried is thrown at once.
  return answer.catch(() => "");
}

/** The domain that `hostname -d` or `domainname` prints; "(none)" is what the kernel has where none was set. */
export function parseDomainName(text: string): readonly string[] {
  const name = text.trim();
  return name === "" || name === "(none)" || /\s/.test(name) ? [] : [name];
}

/** The domains of all `domain` and `search` lines of resolv.conf(5). */
export function parseResolvConf(text: string): readonly string[] {
  return text.split("\n").flatMap((line) => {
    const [keyword = "", ...domains] = line.trim().split(/\s+/);
    return keyword === "domain" || keyword === "search" ? domains : [];
  });
}

/** Whether a domain is `home` or below it. Case and the dot of the root do not matter; the root is below nothing. */
export function isWithin(domain: string, home: string): boolean {
  const [inner, outer] = [plain(domain), plain(home)];
  return inner !== "" && (inner === outer || inner.endsWith(`.${outer}`));
}

function plain(domain: string): string {
  return domain.toLowerCase().replace(/\.$/, "");
}
