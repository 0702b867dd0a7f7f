/** What a test of two samples finds. */
export interface TestResult {
  readonly statistic: number;
  /** Probability of a statistic at least as large where both samples are from one distribution. */
  readonly p_value: number;
}
