import { expect, it } from 'vitest'

import type { RunEvent } from '@/api/types'
import { linesOf, spansOf } from '@/log/ansi'
import { LogBuffer } from '@/log/buffer'
import { lineAtTime, rowOfLine, visibleRows } from '@/log/rows'
import { findMatches, plainText, segmentsOf } from '@/log/search'

const ESC = '\u001b'
const NOBODY_CHOSE: ReadonlyMap<number, boolean> = new Map()

let position = 0
function event(kind: RunEvent['kind'], text: string, more: Partial<RunEvent> = {}): RunEvent {
  position += 1
  return { position, at: new Date(1_790_000_000_000 + position * 1000).toISOString(), kind, text, ...more }
}

function logOf(...events: RunEvent[]): LogBuffer {
  const log = new LogBuffer()
  log.add(events)
  log.flush()
  return log
}

function command(output: number, exit_code: number, item = 'a'): RunEvent[] {
  const header = event('command', 'npm test', { item })
  const lines = Array.from({ length: output }, (_, at) => event('output', `line ${at}`, { item }))
  return [header, ...lines, event('command_end', 'completed', { item, exit_code })]
}

it('colours text and drops every other sequence', () => {
  expect(spansOf(`${ESC}]0;title\u0007${ESC}[1;31mred${ESC}[0m and ${ESC}[2K${ESC}[38;5;208mamber${ESC}[0m\u0000`)).toEqual([
    { text: 'red', css: 'ansi-red ansi-bold' },
    { text: ' and ', css: '' },
    { text: 'amber', css: '', color: 'rgb(255, 135, 0)' },
  ])
})

it('keeps markup as text', () => {
  expect(spansOf('<img src=x onerror=alert(1)>')).toEqual([{ text: '<img src=x onerror=alert(1)>', css: '' }])
})

it('shows what a carriage return leaves on the line', () => {
  const texts = linesOf(spansOf(`10%\r50%\r100%\r\nnext ${ESC}[32mgreen\nstill${ESC}[0m`)).map((line) => line.map(({ text }) => text).join(''))
  expect(texts).toEqual(['100%', 'next green', 'still'])
})

it('folds the output of a long command that went well, not of one that failed or still runs', () => {
  const log = logOf(...command(20, 0), ...command(20, 1), event('command', 'sleep', { item: 'b' }), ...Array.from({ length: 20 }, () => event('output', 'z', { item: 'b' })))
  const shown = visibleRows(log.lines, NOBODY_CHOSE).length
  expect(log.lines.length).toBe(1 + 20 + 1 + 20 + 1 + 1 + 20)
  expect(shown).toBe(log.lines.length - 20)
  const first = log.lines[0]?.command?.id ?? 0
  expect(visibleRows(log.lines, new Map([[first, false]])).length).toBe(log.lines.length)
})

it('keeps two commands apart that have the same item in different launches', () => {
  const log = logOf(...command(2, 0), ...command(3, 1))
  const commands = [...new Set(log.lines.map((line) => line.command))]
  expect(commands.map((one) => `${one?.output} ${one?.exitCode}`)).toEqual(['2 0', '3 1'])
})

function call(item: string, end: string): RunEvent[] {
  return [event('command', 'tracker.get {}', { item }), event('command_end', end, { item })]
}

it('marks a tool call without an exit code by what its end says', () => {
  const log = logOf(...call('a', 'completed'), ...call('b', 'failed'))
  expect(log.lines.map(({ text, command: one }) => `${text} ${one?.state}`)).toEqual(['tracker.get {} done', 'tracker.get {} failed', 'failed failed'])
  expect(log.errors).toEqual([2])
})

it('takes each position once, and knows its errors', () => {
  const events = [event('message', 'hello'), event('error', 'boom'), ...command(1, 3)]
  const log = logOf(...events, ...events)
  expect(log.lines.map(({ text }) => text)).toEqual(['hello', 'boom', 'npm test', 'line 0', 'exit code 3'])
  expect(log.errors).toEqual([1, 4])
  expect(log.lastPosition).toBe(events.at(-1)?.position)
})

it('finds without regard to case, counts each place, and marks across colours', () => {
  const log = logOf(event('output', `ab ${ESC}[31mDis${ESC}[0mcount discount`), event('output', 'none'))
  const matches = findMatches(log.lines, 'DISCOUNT')
  expect(matches).toEqual([{ line: 0, from: 3 }, { line: 0, from: 12 }])
  const line = log.lines[0]
  if (line === undefined) throw new Error('there is a line')
  const marked = segmentsOf(line, 'discount', 12).map(({ text, marked: hit, current }) => `${text}${hit ? '*' : ''}${current ? '!' : ''}`)
  expect(marked).toEqual(['ab ', 'Dis*', 'count*', ' ', 'discount*!'])
})

it('knows where a line stands among the shown rows', () => {
  expect([0, 4, 5, 9, 99].map((line) => rowOfLine([0, 4, 9], line))).toEqual([0, 1, 2, 2, 2])
})

it('finds the line for a moment, and copies with and without times', () => {
  const log = logOf(event('message', 'one'), event('message', 'two'))
  const [one, two] = log.lines
  expect(lineAtTime(log.lines, two?.at ?? '')).toBe(1)
  expect(lineAtTime(log.lines, '2999-01-01T00:00:00Z')).toBe(1)
  expect(plainText(log.lines, false)).toBe('one\ntwo')
  expect(plainText(log.lines, true)).toBe(`${one?.at} one\n${two?.at} two`)
})

it('takes in 100,000 lines and searches them without a reader noticing', () => {
  const started = performance.now()
  const log = new LogBuffer()
  for (let batch = 0; batch < 100; batch += 1) log.add(Array.from({ length: 1000 }, (_, at) => event('output', `line ${batch}-${at}`)))
  log.flush()
  expect(visibleRows(log.lines, NOBODY_CHOSE).length).toBe(100_000)
  expect(findMatches(log.lines, '42-7').length).toBeGreaterThan(0)
  expect(performance.now() - started).toBeLessThan(5000)
})
