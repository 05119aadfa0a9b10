/** A listening socket in /proc/net/unix (proc(5)). */
export interface UnixRow {
  /** The name it was bound to, which may not be the name it has by now. */
  readonly path: string;
  readonly inode: number;
}

/** __SO_ACCEPTCON of the kernel's include/uapi/linux/net.h: it listens. */
const ACCEPTS = 0x10000;

/** Num, RefCount, Protocol, Flags, Type, St, Inode, Path. */
const ROW = /^[0-9a-f]+: [0-9A-F]+ [0-9A-F]+ ([0-9A-F]+) [0-9A-F]+ [0-9A-F]+ +(\d+) (.+)$/i;

/** The listening sockets with a name in the text of /proc/net/unix. */
export function parseUnixTable(text: string): readonly UnixRow[] {
  return text.split("\n").flatMap((line) => {
    const [, flags = "0", inode = "0", path = ""] = ROW.exec(line) ?? [];
    return (Number.parseInt(flags, 16) & ACCEPTS) !== 0 ? [{ path, inode: Number(inode) }] : [];
  });
}
