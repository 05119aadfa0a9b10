/**
 * Whether a name fits a glob, both as their characters. A star takes nothing at first, and one character more each time
 * that what is behind it does not fit. Only the last one that was met is gone back to: whatever an earlier one could
 * take besides, the last one can take as well. So each character of the name is compared with each of the glob at most.
 */
export function fits(glob: ArrayLike<string>, name: ArrayLike<string>): boolean {
  let wanted = 0;
  let index = 0;
  let star: number | undefined;
  /** Where the name goes on behind what the last star has taken. */
  let behind = 0;
  while (index < name.length) {
    const character = glob[wanted];
    if (character === "*") {
      star = wanted++;
      behind = index;
    } else if (character === "?" || character === name[index]) {
      wanted++;
      index++;
    } else if (star !== undefined) {
      wanted = star + 1;
      index = ++behind;
    } else {
      return false;
    }
  }
  while (glob[wanted] === "*") wanted++;
  return wanted === glob.length;
}
