// A table as W&B has it: a file of the run, which its row of history names, and the same with types as an artifact, which W&B's own tables
// are read from. Fields as in wandb/proto/wandb_internal.proto.

import { createHash, randomInt } from 'node:crypto';
import type { Fields } from './wire.ts';

type Cell = string | number | boolean | null;

/** Columns, and rows with a cell for each of them. */
export interface Table {
  readonly columns: readonly string[];
  readonly data: readonly (readonly Cell[])[];
}

/** The table as a file of the run. */
export function tableFile({ columns, data }: Table): Buffer {
  return Buffer.from(JSON.stringify({ columns, data }));
}

/** The table as the file in its artifact. */
export function artifactFile({ columns, data }: Table): Buffer {
  const types = columns.map((name, i) => [name, optional(data.map((row) => row[i] ?? null))]);
  return Buffer.from(
    JSON.stringify({
      _type: 'table',
      column_types: { wb_type: 'typedDict', params: { type_map: Object.fromEntries(types) } },
      columns,
      data,
      ncols: columns.length,
      nrows: data.length,
      log_mode: 'IMMUTABLE',
    }),
  );
}

/** Everything may be missing, as where W&B finds out the types. */
function optional(cells: readonly Cell[]): object {
  const kinds = [...new Set(cells.filter((cell) => cell !== null).map((cell) => typeof cell))];
  const types = ['none', ...(kinds.length === 0 ? ['unknown'] : kinds)];
  return { wb_type: 'union', params: { allowed_types: types.map((wb_type) => ({ wb_type })) } };
}

/** An artifact of one file, which `wandb sync` uploads from where it lies. */
export class TableArtifact {
  readonly #path: string;
  readonly #ids = [clientId(), clientId()] as const;

  /** @param name of the table */
  constructor(name: string) {
    this.#path = `${name}.table.json`;
  }

  /** Where a row of history says that the table is. */
  get places(): { readonly artifact_path: string; readonly _latest_artifact_path: string } {
    const [own, sequence] = this.#ids;
    return {
      artifact_path: `wandb-client-artifact://${own}/${this.#path}`,
      _latest_artifact_path: `wandb-client-artifact://${sequence}:latest/${this.#path}`,
    };
  }

  /** @param localPath of the file, absolute */
  record(
    run: { readonly id: string; readonly project: string; readonly entity: string | undefined },
    name: string,
    bytes: Buffer,
    localPath: string,
  ): Fields {
    const [own, sequence] = this.#ids;
    const digest = md5(bytes, 'base64');
    const contents: Fields = (entry) =>
      entry.string(1, this.#path).string(2, digest).int(4, bytes.length).string(6, localPath);
    const manifest: Fields = (message) =>
      message
        .int(1, 1)
        .string(2, 'wandb-storage-policy-v1')
        .message(3, (item) => item.string(1, 'storageLayout').string(2, '"V2"'))
        .message(4, contents);
    return (artifact) =>
      artifact
        .string(1, run.id)
        .string(2, run.project)
        .string(3, run.entity)
        .string(4, 'run_table')
        .string(5, `run-${run.id}-${name}`)
        .string(6, md5(Buffer.from(`wandb-artifact-manifest-v1\n${this.#path}:${digest}\n`), 'hex'))
        .string(11, 'latest')
        .message(12, manifest)
        .int(14, 1)
        .string(15, own)
        .string(16, sequence)
        .string(20, 'MANIFEST_MD5');
  }
}

function md5(bytes: Buffer, encoding: 'hex' | 'base64'): string {
  return createHash('md5').update(bytes).digest(encoding);
}

/** By which W&B knows an artifact before its server has a name for it. */
function clientId(): string {
  return Array.from({ length: 128 }, () => randomInt(36).toString(36)).join('');
}
