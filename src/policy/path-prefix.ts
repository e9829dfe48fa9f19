/** Whether a path is the prefix or lies below it. The prefix has no trailing slash. */
export function isPathWithin(path: string, prefix: string): boolean {
  return path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/')
}
