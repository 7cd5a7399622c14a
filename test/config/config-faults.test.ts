import { describe, expect, test } from 'vitest';
import { faultLine } from '../../src/config/config-faults.ts';

describe('a fault as a line for people', () => {
  const fault = { path: 'issuer', message: 'must be https', line: 3, hint: 'see the README' };

  test('begins with file and line, with the line alone, or with the variable', () => {
    expect(faultLine(fault, 'carnet.yaml')).toBe('carnet.yaml:3: issuer: must be https (see the README)');
    expect(faultLine(fault)).toBe('line 3: issuer: must be https (see the README)');
    expect(faultLine({ ...fault, variable: 'CARNET_ISSUER' }, 'carnet.yaml')).toMatch(/^CARNET_ISSUER: issuer: /);
  });

  test('begins with the file, or says configuration, where no line is known', () => {
    const { line: _, hint: __, ...missing } = fault;
    expect(faultLine(missing, 'carnet.yaml')).toBe('carnet.yaml: issuer: must be https');
    expect(faultLine(missing)).toBe('configuration: issuer: must be https');
  });
});
