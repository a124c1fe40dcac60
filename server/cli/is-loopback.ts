/** Whether what is sent to that host of a URL stays on this machine. */
export function isLoopback(hostname: string): boolean {
  return /^(localhost|127\.[\d.]+|\[?::1\]?)$/.test(hostname);
}
