/** One thread's share of what the whole process may have; 0 stays no limit. */
export const shareOf = (limit: number, workers: number): number => Math.ceil(limit / workers)
