// The errors that environments and their registry throw. Names are those of gymnasium.error (Gymnasium 1.x).

/** What all errors of the environment room are. */
export class EnvError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** No environment of that id is registered. */
export class UnregisteredEnv extends EnvError {}

/** No environment is registered in that namespace. */
export class NamespaceNotFound extends UnregisteredEnv {}

/** No environment of that name is registered in the namespace. */
export class NameNotFound extends UnregisteredEnv {}

/** The name is registered, but with lower versions only. */
export class VersionNotFound extends UnregisteredEnv {}

/** The version is older than all registered ones. */
export class DeprecatedEnv extends EnvError {}

/** The id clashes with one that is already registered. */
export class RegistrationError extends EnvError {}

/** The environment cannot draw in the render mode that was asked for. */
export class UnsupportedMode extends EnvError {}

/** `step` or `render` was called before `reset`. */
export class ResetNeeded extends EnvError {}

/** The action is not in the action space. */
export class InvalidAction extends EnvError {}

/** The lower bound is greater than the upper one, or both are missing. */
export class InvalidBound extends EnvError {}

/** The environment breaks the contract of {@link Env}; the message says where and how to mend it. */
export class InvalidEnv extends EnvError {}

/** `reset` or `step` of a vector environment that has been closed. */
export class ClosedEnvironmentError extends EnvError {}

/** A package that only some need, and so is not installed with this one, is needed now; the message tells which. */
export class DependencyNotInstalled extends EnvError {}
