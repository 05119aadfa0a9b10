/*
 * What characters a text has. Without regular expressions: to compile them would take a call that has a master waiting for
 * it as long as to check all its table.
 */

/** Whether there is a control character of ASCII in it. */
export function hasControl(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

/** Whether one of these characters is in it. */
export function hasAny(text: string, characters: string): boolean {
  for (const character of characters) if (text.includes(character)) return true;
  return false;
}

/** How many of these characters it begins with. */
export function span(text: string, characters: string): number {
  let length = 0;
  while (length < text.length && characters.includes(text.charAt(length))) length++;
  return length;
}
