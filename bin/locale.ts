/** Whether a terminal takes text as UTF-8: by the variables of locale(7), in their order; without any it is ASCII. */
export function isUtf8({ LC_ALL, LC_CTYPE, LANG }: Readonly<Record<string, string | undefined>>): boolean {
  return /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || "");
}
