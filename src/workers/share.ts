/**
 * One thread's share of what the whole process may have. All shares are no more than that together, unless there is
 * less than one for each; 0 stays no limit.
 */
export const shareOf = (limit: number, workers: number): number =>
  limit === 0 ? 0 : Math.max(1, Math.floor(limit / workers))
