/** Letters in both cases, digits and what base64 writes differently in URLs. */
export const FUZZ_CREDENTIAL = 'hk-test-Fz0qX~7?Kw>mB3v_ZtRn8LsyJ2dHgPce5UaTfVi9bC4xGk1W'
export const FUZZ_TOKEN = 'ks-test-fuzz-client'
/** Opens nothing, and may be seen nowhere but at Keystow either. */
export const FUZZ_WRONG_TOKEN = 'ks-test-fuzz-stranger'
