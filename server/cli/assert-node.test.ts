import { expect, test } from 'vitest';
import { assertNode } from './assert-node.ts';

test.each(['22.18.0', '22.20.1', '24.0.0', '100.1.0', process.versions.node])(
  '%s will do',
  (found) => {
    expect(() => assertNode(found)).not.toThrow();
  },
);

test.each(['20.20.2', '22.17.9', '22.9.0', '9.99.0'])('%s is too old', (found) => {
  expect(() => assertNode(found)).toThrow(`Node: this is ${found}. Wanted: 22.18 or newer.`);
});
