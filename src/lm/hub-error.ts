/** A model that cannot be had from the hub or its cache; the message says why, and what to do. */
export class HubError extends Error {
  override readonly name = 'HubError';
  /** The HTTP status, if the hub answered with one. */
  readonly statusCode: number | undefined;

  constructor(message: string, options: ErrorOptions & { readonly statusCode?: number } = {}) {
    super(message, options);
    this.statusCode = options.statusCode;
  }
}
