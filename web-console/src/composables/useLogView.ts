// What a reader does with a log: folding, searching, stepping through what was found and through what went wrong.
import { refDebounced } from '@vueuse/core'
import { computed, ref, shallowReactive, shallowRef, watch, type Ref } from 'vue'

import type { Command, LogBuffer } from '@/log/buffer'
import { isFolded, rowOfLine, visibleRows } from '@/log/rows'
import { findMatches } from '@/log/search'

const TYPING_MS = 150

export function useLogView(log: Readonly<Ref<LogBuffer>>, showRow: (row: number) => void) {
  const folds = shallowReactive(new Map<number, boolean>())
  const changes = computed(() => log.value.changes.value)
  const lines = computed(() => (changes.value >= 0 ? log.value.lines : []))

  const rows = shallowRef<number[]>([])
  watch([changes, log, () => [...folds]], () => (rows.value = visibleRows(lines.value, folds)), { immediate: true })
  watch(log, () => folds.clear())

  function toggle(command: Command): void {
    folds.set(command.id, !isFolded(command, folds))
  }

  /** Brings a line into view, unfolding what hides it. */
  function showLine(index: number): void {
    const command = lines.value[index]?.command
    if (command !== undefined && isFolded(command, folds)) {
      folds.set(command.id, false)
      rows.value = visibleRows(lines.value, folds)
    }
    showRow(rowOfLine(rows.value, index))
  }

  const query = ref('')
  const wanted = refDebounced(query, TYPING_MS)
  const matches = computed(() => (changes.value >= 0 ? findMatches(log.value.lines, wanted.value) : []))
  const at = ref(-1)
  const current = computed(() => matches.value[at.value])
  watch(wanted, () => {
    at.value = matches.value.length > 0 ? 0 : -1
    if (current.value !== undefined) showLine(current.value.line)
  })

  /** Goes on by `by` matches, around the end. */
  function step(by: 1 | -1): void {
    const { length } = matches.value
    if (length === 0) return
    at.value = (at.value + by + length) % length
    if (current.value !== undefined) showLine(current.value.line)
  }

  const errors = computed(() => (changes.value >= 0 ? [...log.value.errors] : []))
  const errorAt = ref(-1)
  function nextError(): number | undefined {
    const { length } = errors.value
    if (length === 0) return undefined
    errorAt.value = (errorAt.value + 1) % length
    const index = errors.value[errorAt.value]
    if (index !== undefined) showLine(index)
    return index
  }

  return { changes, lines, rows, folds, toggle, showLine, query, wanted, matches, at, current, step, errors, nextError }
}
