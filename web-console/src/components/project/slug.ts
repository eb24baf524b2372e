// A short name proposed for a project's long one.

const LONGEST = 30

/** In the contract's alphabet: a-z, 0-9 and dashes, beginning with a letter, not ending with a dash. */
export function slugOf(name: string): string {
  const dashed = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replace(/^[^a-z]+/, '')
  return dashed.slice(0, LONGEST).replace(/-+$/, '')
}
