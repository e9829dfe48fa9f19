export const TEST_CREDENTIAL = 'hk-test-0123456789abcdefghijklmnopqrstuvwxyz012345678'
export const TEST_TOKEN = 'ks-test-alice'
