// A Module is a plain class whose parameters are its fields: a parameter's name is its path through the fields.

import type { Tensor } from '../tensor/index.ts';
import { Parameter } from './parameter.ts';
import { copyState, type Float32State, loadState, type StateDict } from './state-dict.ts';

/** A module from one tensor to one tensor. */
export type Layer = Module & { forward(x: Tensor): Tensor };

/**
 * Base of everything with parameters. Write a class with fields (parameters, modules, arrays of them) and a `forward`:
 *
 * ```ts
 * class Critic extends Module {
 *   readonly hidden = new Linear(4, 64);
 *   readonly value = new Linear(64, 1);
 *   forward(x: Tensor): Tensor {
 *     return this.value.forward(this.hidden.forward(x).tanh());
 *   }
 * }
 * ```
 *
 * Private `#fields` are not seen.
 */
export abstract class Module {
  /** Whether layers that train differently from how they predict (dropout) do so. Set by `train` and `eval`. */
  training = true;

  /** All parameters by path, in the order of the fields. One that stands in several places is listed once, at the first. */
  namedParameters(): Map<string, Parameter> {
    const found = new Map<Parameter, string>();
    for (const [path, node] of walk(this)) {
      if (!(node instanceof Parameter) || found.has(node)) continue;
      found.set(node, path);
      if (path.length > node.name.length) node.name = path;
    }
    return new Map([...found].map(([parameter, path]) => [path, parameter]));
  }

  /** All parameters, frozen ones too, in the order of the fields, each once. */
  parameters(): Parameter[] {
    return [...this.namedParameters().values()];
  }

  /** This module and all below it, each once. */
  modules(): Module[] {
    return [...new Set([...walk(this)].map(([, node]) => node).filter((node) => node instanceof Module))];
  }

  /** A copy of all elements, by name; training on does not change it. */
  stateDict(): Float32State {
    return copyState(this.#state());
  }

  /**
   * Copies the elements of `dict` into the parameters of the same names.
   *
   * @param options.strict whether every parameter must be in `dict`, and nothing else. Default true. Without it, only
   *   entries whose names are known are loaded; their shapes must fit all the same.
   * @throws Error that lists every missing, extra and misshapen entry; nothing is loaded then.
   */
  loadStateDict(dict: StateDict, options: { readonly strict?: boolean } = {}): void {
    loadState(this.constructor.name, this.#state(), dict, options);
  }

  #state(): Float32State {
    return new Map(
      [...this.namedParameters()].map(([name, { shape, storage }]) => [name, { shape, data: storage.data }]),
    );
  }

  /** Freezes all parameters: no gradients, left out of optimizers made from then on. */
  freeze(): this {
    for (const parameter of this.parameters()) parameter.frozen = true;
    return this;
  }

  /** Undoes `freeze`. */
  unfreeze(): this {
    for (const parameter of this.parameters()) parameter.frozen = false;
    return this;
  }

  /** Puts this module and all below it in training mode. A compiled function keeps the mode it was traced in. */
  train(): this {
    for (const module of this.modules()) module.training = true;
    return this;
  }

  /** Puts this module and all below it in evaluation mode: dropout passes everything. */
  eval(): this {
    for (const module of this.modules()) module.training = false;
    return this;
  }
}

/** Everything reachable from `module` through fields and arrays, with its path. */
function* walk(module: Module): Generator<[path: string, node: Module | Parameter]> {
  const entered = new Set<Module>();
  function* visit(value: unknown, path: string): Generator<[string, Module | Parameter]> {
    if (value instanceof Parameter) {
      yield [path, value];
    } else if (value instanceof Module || Array.isArray(value)) {
      if (value instanceof Module) {
        // A module that stands in several places, or refers back to one above it.
        if (entered.has(value)) return;
        entered.add(value);
        yield [path, value];
      }
      for (const [key, field] of Object.entries(value)) yield* visit(field, path === '' ? key : `${path}.${key}`);
    }
  }
  yield* visit(module, '');
}
