// What is wrong with a template, by line.
import { fieldProblems } from '@/api/problem'
import type { FieldProblem } from '@/api/types'

export interface LineFault {
  line: number
  message: string
}

/** Those faults that have a line of the text to stand in. */
export function lineFaults(error: unknown, words: (problem: FieldProblem) => string): LineFault[] {
  return fieldProblems(error).flatMap((problem) => (problem.line === undefined ? [] : [{ line: problem.line, message: words(problem) }]))
}
