/**
 * A provider's reply while it comes in: its head is there, its body is on the way. It is the part of
 * fetch's `Response` that a gateway has a use for, so a `Response` is one.
 */
export interface HttpReply {
  readonly status: number;
  readonly headers: HttpHeaders;
  /** null when no body belongs to the reply */
  readonly body: HttpBody | null;
  /**
   * The whole body.
   * @throws what broke the connection, or the reason of whoever aborted the request
   */
  bytes(): Promise<Uint8Array>;
  /** The same, where all of it is here already; its memory may be given back once nobody reads it. */
  readonly whole?: Buffer | undefined;
}

export interface HttpHeaders {
  /** The value of a header; several of one name are joined with commas. @param name in lower case */
  get(name: string): string | null;
  /** All of them, names in lower case. */
  toJSON(): Readonly<Record<string, string>>;
}

export interface HttpBody {
  getReader(): HttpBodyReader;
  /** Nobody wants the rest. */
  cancel(): Promise<void>;
}

export interface HttpBodyReader {
  /** True when pieces lie in memory of their own, which whoever reads them may give back. */
  readonly ownsPieces?: boolean | undefined;
  /**
   * The next piece, as large as the network gave it; the reader's to keep.
   * @throws what broke the connection, or the reason of whoever aborted the request
   */
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
  /** Nobody wants the rest. */
  cancel(): Promise<void>;
}
