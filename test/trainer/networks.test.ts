import { expect, test } from 'vitest';
import { MLPActorNetwork, MLPCriticNetwork } from '../../src/rl/index.ts';
import { ACTIVATIONS, buildNetwork, describeNetwork } from '../../src/trainer/networks.ts';

test.each(ACTIVATIONS.flatMap((activation) => [0, 1, 3].map((hiddenLayers) => [activation, hiddenLayers] as const)))(
  'a network with %s and %i hidden layers is described and built again',
  (activation, hiddenLayers) => {
    const actor = new MLPActorNetwork(5, 6, 3, { activation, hiddenLayers });
    const description = describeNetwork(actor)!;
    expect(description).toMatchObject({ inputDim: 5, outputDim: 3, hiddenLayers });
    // Without hidden layers no activation is applied, so any describes it.
    if (hiddenLayers > 0) expect(description).toMatchObject({ hiddenDim: 6, activation });
    buildNetwork(description, true).loadStateDict(actor.stateDict());
    const critic = new MLPCriticNetwork(5, 6, { activation, hiddenLayers });
    buildNetwork(describeNetwork(critic)!, false).loadStateDict(critic.stateDict());
  },
);

test('a network that computes something else is not described', () => {
  class Own extends MLPActorNetwork {
    override forward(x: Parameters<MLPActorNetwork['forward']>[0]) {
      return super.forward(x.mul(3));
    }
  }
  expect(describeNetwork(new Own(4, 8, 2))).toBeNull();
  expect(describeNetwork(new MLPActorNetwork(4, 8, 2, { activation: (x) => x.tanh().mul(2) }))).toBeNull();
});

test('an activation that is a function but ours all the same is described by its name', () => {
  const network = new MLPActorNetwork(4, 8, 2, { activation: (x) => x.relu() });
  expect(describeNetwork(network)).toMatchObject({ activation: 'relu' });
});
