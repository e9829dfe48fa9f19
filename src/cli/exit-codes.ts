/** sysexits.h: EX_USAGE, EX_CONFIG. */
export const EXIT_USAGE = 64
export const EXIT_CONFIG = 78
