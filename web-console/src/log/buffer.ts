// The lines of one run's log, as they grow. Lines are plain objects that are only ever appended; `changes` tells screens
// that there are more, at most once a tick, so that a flood of events costs one rendering.
import { shallowRef, type ShallowRef } from 'vue'

import type { RunEvent } from '@/api/types'
import { linesOf, spansOf, type Span } from './ansi'

export interface LogLine {
  /** From 1; what a link to a line names. */
  number: number
  at: string
  kind: RunEvent['kind']
  /** What is shown, without colours: for search and copying. */
  text: string
  spans: Span[]
  /** The command that the line belongs to: its own line, its output, its end. */
  command?: Command
}

/** One command of the agent with its output, which can be folded. */
export interface Command {
  id: number
  header: number
  output: number
  exitCode?: number
  state: 'running' | 'done' | 'failed'
}

const FLUSH_MS = 60
/** How the end of a tool call that has no exit code says that it went well. */
const COMPLETED = 'completed'

export class LogBuffer {
  readonly lines: LogLine[] = []
  readonly changes: ShallowRef<number> = shallowRef(0)
  /** All that was stored has been read; what comes now is live. */
  readonly caughtUp: ShallowRef<boolean> = shallowRef(false)
  /** Indexes of the lines that report something wrong. */
  readonly errors: number[] = []
  lastPosition = 0

  readonly #open = new Map<string, Command>()
  #commands = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  /** Takes in events in the order of their positions; what was seen before is left out. */
  add(events: readonly RunEvent[]): void {
    for (const event of events) {
      if (event.position <= this.lastPosition) continue
      this.lastPosition = event.position
      this.#take(event)
    }
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS)
  }

  markCaughtUp(): void {
    this.flush()
    this.caughtUp.value = true
  }

  /** Tells at once instead of at the end of the tick. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.changes.value += 1
  }

  #take(event: RunEvent): void {
    const item = event.item ?? ''
    if (event.kind === 'command') {
      this.#commands += 1
      this.#open.set(item, { id: this.#commands, header: this.lines.length, output: 0, state: 'running' })
    }
    const command = event.item === undefined ? undefined : this.#open.get(item)
    if (event.kind === 'command_end') this.#end(event, command)
    else this.#append(event, event.text, command)
  }

  #end(event: RunEvent, command: Command | undefined): void {
    const failed = event.exit_code === undefined ? event.text !== COMPLETED : event.exit_code !== 0
    if (command !== undefined) {
      command.state = failed ? 'failed' : 'done'
      if (event.exit_code !== undefined) command.exitCode = event.exit_code
    }
    // The end of a command that went well is a mark on its own line; only what went wrong deserves another.
    if (failed) this.#append(event, event.exit_code === undefined ? event.text : `exit code ${event.exit_code}`, command)
  }

  #append(event: RunEvent, text: string, command: Command | undefined): void {
    if (event.kind === 'error' || event.kind === 'command_end') this.errors.push(this.lines.length)
    for (const spans of linesOf(spansOf(text.replace(/\r?\n$/, '')))) {
      if (command !== undefined && event.kind === 'output') command.output += 1
      this.lines.push({
        number: this.lines.length + 1,
        at: event.at,
        kind: event.kind,
        text: spans.map((span) => span.text).join(''),
        spans,
        ...(command !== undefined && { command }),
      })
    }
  }
}
