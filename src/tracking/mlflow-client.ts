// Requests to an MLflow server, and who makes them. What it takes to log in is read from the environment, and told to nobody else.

/** An answer of the server that is no success. */
export class MlflowError extends Error {
  override readonly name = 'MlflowError';
  /** Such as RESOURCE_DOES_NOT_EXIST. */
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/** A server. */
export class MlflowClient {
  /** Without who may log there. */
  readonly address: string;
  readonly #authorization: string | undefined;

  /** @throws TypeError if the address is none, or has a password in it */
  constructor(given: string | undefined) {
    const address = given ?? process.env['MLFLOW_TRACKING_URI'] ?? 'http://127.0.0.1:5000';
    let url: URL;
    try {
      url = new URL(address);
    } catch {
      // What stands before an @ may be a password that has a slip.
      const shown = address.replace(/.*@/s, '…@');
      throw new TypeError(`the address of MLflow is '${shown}', but must be such as http://127.0.0.1:5000`);
    }
    if (!/^https?:$/.test(url.protocol)) {
      throw new TypeError(
        `the address of MLflow begins with ${url.protocol}, but must be that of a server: http or https`,
      );
    }
    const environment = process.env;
    const token = environment['MLFLOW_TRACKING_TOKEN']?.trim();
    const user = environment['MLFLOW_TRACKING_USERNAME'] ?? decodeURIComponent(url.username);
    const password = environment['MLFLOW_TRACKING_PASSWORD'] ?? decodeURIComponent(url.password);
    if (given !== undefined && url.password !== '') {
      throw new TypeError(
        'the address of MLflow has a password in it, which would be written down: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD',
      );
    }
    if (url.search !== '' || url.hash !== '') {
      throw new TypeError(
        "the address of MLflow has something behind its path ('?' or '#'): give the server's alone, and set MLFLOW_TRACKING_TOKEN",
      );
    }
    const basic = user === '' ? undefined : `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    // An error of fetch would show it.
    if (!/^[\x21-\x7e]*$/.test(token ?? '')) {
      throw new TypeError('MLFLOW_TRACKING_TOKEN holds characters that no token has, such as a line break or a space');
    }
    this.#authorization = token ? `Bearer ${token}` : basic;
    url.username = '';
    url.password = '';
    this.address = url.href.replace(/\/+$/, '');
  }

  /** A signal for requests that together may take so long. */
  deadline(seconds: number): { readonly signal: AbortSignal } {
    return { signal: AbortSignal.timeout(1000 * seconds) };
  }

  /** The id of the experiment of a name, which is made if there is none. */
  async experiment(name: string, signal: AbortSignal): Promise<string> {
    try {
      const query = `experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`;
      const { experiment } = await this.get(query, signal);
      return (experiment as { readonly experiment_id: string }).experiment_id;
    } catch (error) {
      if (!(error instanceof MlflowError && error.code === 'RESOURCE_DOES_NOT_EXIST')) throw error;
    }
    const made = await this.post('experiments/create', signal, { name });
    return made['experiment_id'] as string;
  }

  get(path: string, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
    return this.#request(`/api/2.0/mlflow/${path}`, { signal });
  }

  post(path: string, signal: AbortSignal, body: object): Promise<Readonly<Record<string, unknown>>> {
    const headers = { 'content-type': 'application/json' };
    return this.#request(`/api/2.0/mlflow/${path}`, { method: 'POST', signal, headers, body: JSON.stringify(body) });
  }

  /** Puts a file among the server's artifacts. */
  async put(path: string, signal: AbortSignal, body: Uint8Array): Promise<void> {
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    const headers = { 'content-type': 'application/octet-stream' };
    await this.#request(`/api/2.0/mlflow-artifacts/artifacts/${encoded}`, { method: 'PUT', signal, headers, body });
  }

  async #request(
    path: string,
    { headers, ...init }: Omit<RequestInit, 'headers'> & { readonly headers?: Readonly<Record<string, string>> },
  ): Promise<Readonly<Record<string, unknown>>> {
    const authorization = this.#authorization === undefined ? {} : { authorization: this.#authorization };
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${this.address}${path}`, {
        ...init,
        // Whoever the server names instead must not be told who we are.
        redirect: 'error',
        headers: { ...headers, ...authorization },
      });
      text = await response.text();
    } catch (error) {
      const { name, cause, message } = error as Error;
      const why = name === 'TimeoutError' ? 'it does not answer' : cause instanceof Error ? cause.message : message;
      throw new MlflowError(`${this.address} cannot be reached (${why})`, 'UNREACHABLE');
    }
    const answer = parsed(text);
    if (response.ok) return answer;
    const { error_code: code, message } = answer;
    const said = typeof message === 'string' ? message : text.slice(0, 200);
    const hint = [401, 403].includes(response.status)
      ? ' (set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD)'
      : '';
    throw new MlflowError(
      `${this.address} answered ${response.status}: ${said}${hint}`,
      typeof code === 'string' ? code : String(response.status),
    );
  }
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}
