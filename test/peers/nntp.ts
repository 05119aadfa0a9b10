import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { type Listener, listen } from "./tcp.ts";

/** An article of a news group. */
export interface Article {
  readonly subject: string;
  readonly body: string;
}

/** Starts an NNTP server (RFC 3977) with one news group. */
export function startNntp(group: string, articles: readonly Article[]): Promise<Listener> {
  return listen((socket) => serve(socket, group, articles));
}

function serve(socket: Socket, group: string, articles: readonly Article[]): void {
  const say = (...lines: readonly string[]) => socket.write(lines.map((line) => `${line}\r\n`).join(""));
  let current = 1;
  say("200 news.test");
  const lines = createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY });
  lines.on("close", () => socket.end());
  lines.on("line", (line) => {
    const [word = "", ...rest] = line.trim().split(/\s+/);
    const name = word.toUpperCase();
    if (/^(ARTICLE|HEAD|BODY|STAT)$/.test(name) && rest[0] !== undefined) current = numberOf(rest[0]);
    say(...answer(name, rest, { group, articles, current }));
    if (name === "QUIT") lines.close();
  });
}

interface Place {
  readonly group: string;
  readonly articles: readonly Article[];
  readonly current: number;
}

function answer(name: string, words: readonly string[], place: Place): readonly string[] {
  const { group, articles, current } = place;
  const count = articles.length;
  switch (name) {
    case "MODE":
      return ["200 news.test"];
    case "CAPABILITIES":
      return ["101 this", "VERSION 2", "READER", "OVER", "LIST ACTIVE", "."];
    case "LIST":
      return ["215 groups", `${group} ${count} 1 n`, "."];
    case "GROUP":
      return [words[0] === group ? `211 ${count} 1 ${count} ${group}` : "411 no such group"];
    case "LISTGROUP":
      return [`211 ${count} 1 ${count} ${group}`, ...articles.map((_, index) => String(index + 1)), "."];
    case "OVER":
    case "XOVER":
      return ["224 overview", ...range(words[0], count).map((n) => overview(articles[n - 1], n)), "."];
    case "QUIT":
      return ["205 goodbye"];
    default:
      return content(name, articles[current - 1], current);
  }
}

function content(name: string, article: Article | undefined, n: number): readonly string[] {
  const code = { ARTICLE: 220, HEAD: 221, BODY: 222, STAT: 223 }[name];
  if (code === undefined) return ["500 not here"];
  if (article === undefined) return ["423 no such article"];
  const id = `${code} ${n} <${n}@news.test>`;
  const head = header(article, n).map(([key, value]) => `${key}: ${value}`);
  if (name === "STAT") return [id];
  if (name === "HEAD") return [id, ...head, "."];
  return [id, ...(name === "BODY" ? [] : [...head, ""]), ...article.body.trimEnd().split("\n"), "."];
}

function header({ subject }: Article, n: number): readonly (readonly [string, string])[] {
  return [
    ["Subject", subject],
    ["From", "Joe Example <joe@news.test>"],
    ["Date", "Mon, 01 Jan 2024 12:00:00 +0000"],
    ["Message-ID", `<${n}@news.test>`],
  ];
}

/** RFC 3977 section 8.3.2: number, subject, from, date, id, references, bytes, lines. */
function overview(article: Article | undefined, n: number): string {
  if (article === undefined) return "";
  return [n, ...header(article, n).map(([, value]) => value), "", 1, 1].join("\t");
}

function range(words: string | undefined, count: number): readonly number[] {
  const [first = "1", last] = (words ?? "").split("-");
  const from = Number(first);
  const to = words?.includes("-") ? Math.min(Number(last || count), count) : from;
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
}

function numberOf(word: string): number {
  return Number(/^<?(\d+)/.exec(word)?.[1] ?? 0);
}
