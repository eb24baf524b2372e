// What is wrong with single tools of a policy: told at the tool, not at the foot of the form.
import type { FieldProblem, Tool } from '@/api/types'
import { fieldProblems, formField } from '@/api/problem'

const OF_TOOLS = /^(?:policy\/)?tool(?:s_off|_modes)\//

/** What is wrong with these tools, in the policy of an agent or of a project: by the tool, and the fields in which it stands. */
export function toolFaults(
  error: unknown, tools: readonly Tool[], words: (problem: FieldProblem) => string,
): { byTool: Record<string, string>; fields: string[] } {
  const isShown = ({ what }: FieldProblem): boolean => tools.some(({ name }) => name === what)
  const found = fieldProblems(error).filter((problem) => isShown(problem) && OF_TOOLS.test(formField(problem)))
  return {
    byTool: Object.fromEntries(found.map((problem) => [problem.what ?? '', words(problem)])),
    fields: found.map((problem) => formField(problem)),
  }
}
