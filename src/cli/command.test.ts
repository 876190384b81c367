import { describe, expect, it } from 'vitest';
import { readDay } from './command.js';

describe('a day that a command is told', () => {
  it('is the second with which it begins by UTC', () => {
    expect(readDay('1970-01-01', '--from')).toBe(0);
    expect(readDay('2028-02-29', '--from')).toBe(1_835_395_200);
  });

  it('is refused where no calendar has it', () => {
    for (const text of [
      '2027-02-30',
      '2027-02-29',
      '2027-13-01',
      '2027-1-1',
      '1969-12-31',
      '2100-01-01',
      'today',
      '',
    ]) {
      expect(() => readDay(text, '--from'), text).toThrow(
        `--from is a day such as 2027-12-31, not "${text}"`,
      );
    }
  });
});
