// What is wrong with single tools of a policy: told at the tool, not at the foot of the form.
import type { FieldProblem } from '@/api/types'
import { fieldProblems, formField } from '@/api/problem'

/** Of messages by field, those below a place, by the rest of their names. */
export function faultsBelow(messages: Readonly<Record<string, string>>, place: string): Record<string, string> {
  return Object.fromEntries(Object.entries(messages).flatMap(([field, words]) => (field.startsWith(place) ? [[field.slice(place.length), words]] : [])))
}

const OF_TOOLS = /^policy\/tool(?:s_off|_modes)\//

/** What is wrong with tools of an agent's policy: by the tool, and the fields in which it stands. */
export function toolFaults(error: unknown, words: (problem: FieldProblem) => string): { byTool: Record<string, string>; fields: string[] } {
  const found = fieldProblems(error).filter((problem) => problem.what !== undefined && OF_TOOLS.test(formField(problem)))
  return {
    byTool: Object.fromEntries(found.map((problem) => [problem.what ?? '', words(problem)])),
    fields: found.map((problem) => formField(problem)),
  }
}
