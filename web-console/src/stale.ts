// After a deployment the files of the version before are gone, and what a page of it still loads as it goes is not there.
// Reading the page anew brings the new version; a mark keeps a file that never comes from having it read for ever.
const MARK = 'codex-k8s.read-anew'
/** Each browser says it otherwise. */
const MISSING = /dynamically imported module|Importing a module script failed|Unable to preload CSS/i

/** Reads a path anew because a file was not there; `false` where that would not help. */
export function readAnew(path: string, error: unknown): boolean {
  const missing = error instanceof Error && MISSING.test(error.message)
  if (!missing || !navigator.onLine || sessionStorage.getItem(MARK) === path) return false
  sessionStorage.setItem(MARK, path)
  const { pathname, search } = new URL(path, location.origin)
  // Going to the page that one is on would only jump within it.
  if (pathname === location.pathname && search === location.search) location.reload()
  else location.assign(path)
  return true
}

/** It came: after the next deployment it may be read anew again. */
export function arrived(path: string): void {
  if (sessionStorage.getItem(MARK) === path) sessionStorage.removeItem(MARK)
}
