/** An address as it stands in a URL (RFC 3986, section 3.2.2): one of IPv6 in brackets. */
export const urlHost = (address: string): string =>
  address.includes(':') ? `[${address}]` : address
