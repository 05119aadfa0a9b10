/** The words of a verb that is about one server. METHOD is "imap" where the call has none. */
export interface ServerWords {
  readonly server: string;
  readonly user: string | undefined;
  readonly method: string;
}
