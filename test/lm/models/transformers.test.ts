// Logits, loss and every gradient against transformers 5.23, recorded by test/fixtures/transformers/record.py.

import { describe, expect, it } from 'vitest';
import { classifierFromConfig, fromConfig, type RawConfig } from '../../../src/lm/index.ts';
import { gradientAssignments } from '../../../src/nn/index.ts';
import { compile } from '../../../src/runtime/index.ts';
import { tensor } from '../../../src/tensor/index.ts';
import classifiers from '../../fixtures/transformers/classifiers.json' with { type: 'json' };
import models from '../../fixtures/transformers/models.json' with { type: 'json' };
import { decoded, fill, relativeError, reordered } from '../recorded.ts';

const TOLERANCE = 1e-5;

describe.each(models.rows)('$name', (row) => {
  const model = fill(fromConfig(row.config as RawConfig, { seed: 0 }));

  it('gives the same logits', () => {
    const logits = model.forward(tensor(models.ids, { dtype: 'int32' }));
    expect(relativeError(logits.dataSync(), decoded(row.logits))).toBeLessThan(TOLERANCE);
  });

  it('reads the configuration as a person writes it, too', () => {
    const same = fill(fromConfig(row.given as RawConfig, { seed: 0 }));
    const logits = same.forward(tensor(models.ids, { dtype: 'int32' }));
    expect(relativeError(logits.dataSync(), decoded(row.logits))).toBeLessThan(TOLERANCE);
  });

  it('gives the same loss and gradients', () => {
    const parameters = model.namedParameters();
    const [batch, time] = [models.ids.length, models.ids[0]!.length];
    const step = compile(() => {
      const ids = tensor(models.ids, { dtype: 'int32' });
      const logits = model.forward(ids).slice([null, 0], [null, -1]);
      const targets = ids.slice([null, 1]).reshape([batch * (time - 1)]);
      const loss = logits
        .reshape([batch * (time - 1), -1])
        .crossEntropy(targets)
        .mean();
      return { loss, gradients: gradientAssignments(loss, parameters.values()) };
    });
    expect(step().loss.item()).toBeCloseTo(row.loss, 5);
    const recorded: Readonly<Record<string, string | undefined>> = row.gradients;
    expect([...parameters.keys()].toSorted()).toEqual(Object.keys(recorded).toSorted());
    for (const [name, parameter] of parameters) {
      const expected = reordered(model, name, parameter, decoded(recorded[name]!));
      expect(relativeError(parameter.gradient.data, expected), name).toBeLessThan(TOLERANCE);
    }
    step.dispose();
  });
});

describe.each(classifiers.rows)('$name as a classifier', ({ config, ids, scores }) => {
  const model = fill(classifierFromConfig(config as RawConfig, { seed: 0 }));

  it('judges by the last token that is no padding', () => {
    const found = model.forward(tensor(ids, { dtype: 'int32' })).dataSync();
    expect(relativeError(found, decoded(scores))).toBeLessThan(TOLERANCE);
  });

  it('or by the lengths that are given', () => {
    const found = model.forward(tensor(ids, { dtype: 'int32' }), tensor([11, 8], { dtype: 'int32' })).dataSync();
    expect(relativeError(found, decoded(scores))).toBeLessThan(TOLERANCE);
    const cut = model.forward(tensor(ids, { dtype: 'int32' }), tensor([10, 8], { dtype: 'int32' })).dataSync();
    expect(relativeError(cut, decoded(scores))).toBeGreaterThan(0.01);
  });
});

it('needs lengths or a padding token for several texts', () => {
  const model = classifierFromConfig({ ...classifiers.rows[0]!.config, pad_token_id: null }, { seed: 0 });
  expect(() => model.forward(tensor(models.ids, { dtype: 'int32' }))).toThrow(
    'needs their lengths, or a padding token',
  );
});
