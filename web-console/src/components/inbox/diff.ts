// A unified difference, line by line.

export interface DiffLine {
  /** on: comes; off: goes; place: where in the object; same: stays. */
  kind: 'on' | 'off' | 'place' | 'same'
  text: string
}

const KINDS: Readonly<Record<string, DiffLine['kind']>> = { '+': 'on', '-': 'off', '@': 'place' }

/** The lines of a difference as they are, with what each of them is. */
export function linesOf(diff: string): DiffLine[] {
  if (diff === '') return []
  return diff.replace(/\n$/, '').split('\n').map((text) => ({ kind: KINDS[text.charAt(0)] ?? 'same', text }))
}
