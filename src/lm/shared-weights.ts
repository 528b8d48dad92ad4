// Several models over one set of weights. What each has of its own, such as adapters and a head, stands beside them.

import { Module, Parameter } from '../nn/index.ts';

/** Parameters that stand in several models. */
const shared = new WeakSet<Parameter>();

/** Whether other models read this parameter too, so that it must not be written on behalf of one. */
export function isShared(parameter: Parameter): boolean {
  return shared.has(parameter);
}

/** Puts the parameters of `base` in place of those that have the same path in `model`, which reads its memory from then on. */
export function shareParameters(model: Module, base: Module): void {
  const named = base.namedParameters();
  const visit = (owner: Module | readonly unknown[], path: string): void => {
    for (const [key, value] of Object.entries(owner)) {
      const below = path + key;
      if (value instanceof Module || Array.isArray(value)) visit(value, `${below}.`);
      const parameter = value instanceof Parameter ? named.get(below) : undefined;
      if (parameter === undefined) continue;
      (owner as unknown as Record<string, Parameter>)[key] = parameter;
      shared.add(parameter);
    }
  };
  visit(model, '');
}
