// Searching the log, and cutting a line's spans so that what was found can be marked.
import type { LogLine } from './buffer'

export interface Match {
  /** Index of the line. */
  line: number
  /** Index of the first character in its text. */
  from: number
}

/** More than this many are not worth stepping through. */
export const MOST_MATCHES = 10_000

export function findMatches(lines: readonly LogLine[], query: string): Match[] {
  const wanted = query.toLowerCase()
  const matches: Match[] = []
  if (wanted === '') return matches
  for (const [index, { text }] of lines.entries()) {
    const lower = text.toLowerCase()
    for (let from = lower.indexOf(wanted); from >= 0; from = lower.indexOf(wanted, from + wanted.length)) {
      matches.push({ line: index, from })
      if (matches.length >= MOST_MATCHES) return matches
    }
  }
  return matches
}

export interface Segment {
  text: string
  css: string
  color?: string
  marked: boolean
  current: boolean
}

/** A line's spans, cut at the edges of what was found. `current` is where the match that the reader stands on begins. */
export function segmentsOf(line: LogLine, query: string, current: number | undefined): Segment[] {
  const hits = findMatches([line], query).map(({ from }) => from)
  const segments: Segment[] = []
  let start = 0
  for (const span of line.spans) {
    const end = start + span.text.length
    const edges = hits.flatMap((from) => [from, from + query.length]).filter((edge) => edge > start && edge < end)
    const cuts = [start, ...edges, end]
    for (const [at, from] of cuts.slice(0, -1).entries()) {
      const text = span.text.slice(from - start, (cuts[at + 1] ?? end) - start)
      const hit = hits.find((begin) => begin <= from && from < begin + query.length)
      if (text !== '') segments.push({ ...span, text, marked: hit !== undefined, current: hit !== undefined && hit === current })
    }
    start = end
  }
  return segments
}

/** The log as plain text, each line with its time when `withTimes`. */
export function plainText(lines: readonly LogLine[], withTimes: boolean): string {
  return lines.map(({ at, text }) => (withTimes ? `${at} ${text}` : text)).join('\n')
}
