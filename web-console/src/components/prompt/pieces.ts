// A text with marks as pieces to be drawn: marks may lie in each other, so each piece carries all that cover it.
import type { PromptMark } from '@/api/types'

export interface Piece {
  text: string
  /** The innermost mark around it comes last. */
  kinds: PromptMark['kind'][]
}

export function piecesOf(text: string, marks: readonly PromptMark[]): Piece[] {
  const borders = [...new Set([0, text.length, ...marks.flatMap(({ start, end }) => [start, end])])].toSorted((a, b) => a - b)
  return borders.slice(1).map((end, at) => {
    const start = borders[at] ?? 0
    const around = marks.filter((mark) => mark.start <= start && mark.end >= end)
    return { text: text.slice(start, end), kinds: around.map(({ kind }) => kind) }
  })
}

/** How often each kind was found, in the order in which the contract names them. */
export function countOf(marks: readonly PromptMark[]): { kind: PromptMark['kind']; count: number }[] {
  const kinds: PromptMark['kind'][] = ['imitation', 'comment', 'element', 'reference', 'character']
  return kinds
    .map((kind) => ({ kind, count: marks.filter((mark) => mark.kind === kind).length }))
    .filter(({ count }) => count > 0)
}
