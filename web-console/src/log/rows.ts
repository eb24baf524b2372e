// Which lines are shown: a folded command hides its output.
import type { Command, LogLine } from './buffer'

/** Output of a command that went well is folded from this many lines on, unless the reader said otherwise. */
const FOLD_FROM = 8

export function isFolded(command: Command, chosen: ReadonlyMap<number, boolean>): boolean {
  return chosen.get(command.id) ?? (command.state === 'done' && command.output >= FOLD_FROM)
}

/** The indexes of the lines that are shown, in order. */
export function visibleRows(lines: readonly LogLine[], chosen: ReadonlyMap<number, boolean>): number[] {
  const rows: number[] = []
  for (const [index, line] of lines.entries()) {
    const hidden = line.kind === 'output' && line.command !== undefined && isFolded(line.command, chosen)
    if (!hidden) rows.push(index)
  }
  return rows
}

/** Where in `rows` a line stands, or would stand if it were shown. */
export function rowOfLine(rows: readonly number[], line: number): number {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((rows[middle] ?? 0) < line) low = middle + 1
    else high = middle
  }
  return Math.min(low, Math.max(0, rows.length - 1))
}

/** The first line that is not older than `at`; the last one when all are older. */
export function lineAtTime(lines: readonly LogLine[], at: string): number {
  const wanted = Date.parse(at)
  const found = lines.findIndex((line) => Date.parse(line.at) >= wanted)
  return found < 0 ? Math.max(0, lines.length - 1) : found
}
