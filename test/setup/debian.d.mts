export interface Unpacking {
  readonly suite: string;
  readonly groups: readonly (readonly string[])[];
  readonly depends?: boolean;
  readonly finish?: (folder: string) => void;
}
export function unpackDebian(folder: string, unpacking: Unpacking): void;
export function debianRelease(): string | undefined;
export function miss(reason: string): void;
