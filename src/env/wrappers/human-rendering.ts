import type {
  ActionOf,
  Answer,
  Env,
  EnvMetadata,
  ObservationOf,
  ResetOptions,
  ResetResult,
  StepResult,
} from '../env.ts';
import { EnvError } from '../errors.ts';
import { frameAddress, isFrame } from '../rendering/frame.ts';
import { HumanViewer } from '../rendering/human-viewer.ts';
import { Wrapper } from '../wrapper.ts';

/**
 * Shows the frames of an environment of render mode `rgb_array` in the browser, after each reset and step, at its `renderFps`: the
 * render mode `human` for environments that do not have it. Those of this package do.
 */
export class HumanRendering<E extends Env = Env> extends Wrapper<E> {
  override readonly renderMode = 'human';
  override readonly metadata: EnvMetadata;
  #viewer: HumanViewer | undefined;

  constructor(env: E) {
    super(env, {});
    if (env.renderMode !== 'rgb_array') {
      throw new EnvError(
        `HumanRendering shows frames, but the render mode is ${env.renderMode}: make the environment with renderMode: 'rgb_array'`,
      );
    }
    this.metadata = { ...env.metadata, renderModes: [...new Set([...env.metadata.renderModes, 'human'])] };
  }

  override reset(options?: ResetOptions): Answer<E, ResetResult<ObservationOf<E>>> {
    const result = this.env.reset(options);
    const answer = Array.isArray(result) ? this.#show(result) : result.then((later) => this.#show(later));
    return answer as Answer<E, ResetResult<ObservationOf<E>>>;
  }

  override step(action: ActionOf<E>): Answer<E, StepResult<ObservationOf<E>>> {
    const result = this.env.step(action);
    const answer = Array.isArray(result) ? this.#show(result) : result.then((later) => this.#show(later));
    return answer as Answer<E, StepResult<ObservationOf<E>>>;
  }

  /** Null: the page shows each step by itself. */
  override render(): null {
    return null;
  }

  override close(): ReturnType<E['close']> {
    this.#viewer?.close();
    this.#viewer = undefined;
    return super.close();
  }

  #show<T>(result: T): T {
    const frame = this.env.render();
    if (!isFrame(frame)) {
      throw new EnvError(
        `HumanRendering: render() of ${this.env} must return a Frame (see frameOf), not ${String(frame)}`,
      );
    }
    const title = this.env.spec?.id ?? this.env.unwrapped.constructor.name;
    this.#viewer ??= new HumanViewer({ title, envId: null, help: '', controls: [] }, this.metadata.renderFps ?? 30);
    this.#viewer.show({ picture: frameAddress(frame) });
    return result;
  }
}
