import { WebhooksConfig } from '../../../config/index.js';
import { secondsToRetry } from './retries.js';

describe('the wait for the next attempt', () => {
  const config = new WebhooksConfig();
  const DAY = 86_400;

  it('should double up to its bound, of which half is left to chance', () => {
    const waits = [1, 2, 3, 10, 12, 13, 60].map((attempts) => secondsToRetry(config, attempts, 0, 0, 1));
    expect(waits).toEqual([5, 10, 20, 2560, 10_240, 14_400, 14_400]);
    expect(secondsToRetry(config, 3, 0, 0, 0)).toBe(10);
    expect(secondsToRetry(config, 3, 0, 0, 0.5)).toBe(15);
    expect(secondsToRetry(config, 2000, 0, 0, 1)).toBe(14_400);
  });

  it('should be as long as the receiver asks for, within the time of the delivery', () => {
    expect(secondsToRetry(config, 1, 0, 3600, 1)).toBe(3600);
    expect(secondsToRetry(config, 5, 0, 1, 1)).toBe(80);
    expect(secondsToRetry(config, 1, 0, 999_999_999, 1)).toBe(DAY);
    expect(secondsToRetry(config, 1, DAY - 60, 3600, 1)).toBe(60);
  });

  it('should end with a last attempt when the time is over', () => {
    expect(secondsToRetry(config, 20, DAY - 60, 0, 0)).toBe(60);
    expect(secondsToRetry(config, 20, DAY, 0, 0)).toBeUndefined();
    expect(secondsToRetry({ ...config, retryHours: 0 }, 1, 0, 0, 0)).toBeUndefined();
  });

  it('should come to a day and twenty attempts', () => {
    let [attempts, age] = [0, 0];
    for (let wait: number | undefined = 0; wait !== undefined; age += wait ?? 0)
      wait = secondsToRetry(config, ++attempts, age, 0, 0.5);
    expect(age).toBeCloseTo(DAY, 6);
    expect(attempts).toBe(20);
  });
});
