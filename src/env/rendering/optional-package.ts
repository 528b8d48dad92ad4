// Packages that only pictures need, and so are not installed with this one.

import { createRequire } from 'node:module';
import { DependencyNotInstalled } from '../errors.ts';

const require = createRequire(import.meta.url);

/**
 * The package of that name, loaded when it is first needed.
 *
 * @param purpose what needs it, as the beginning of the error's sentence: `Videos are encoded by`
 * @throws DependencyNotInstalled with the command that installs it
 */
export function optionalPackage<T>(name: string, purpose: string): T {
  try {
    return require(name) as T;
  } catch (error) {
    throw new DependencyNotInstalled(`${purpose} ${name}, which could not be loaded: npm install ${name}`, {
      cause: error,
    });
  }
}
