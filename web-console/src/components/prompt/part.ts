// Names of a prompt's parts: the key of the words, and what goes into them.
export interface PartName {
  key: 'context' | 'issue' | 'output' | 'outputReview' | 'policy' | 'pullRequest' | 'remark' | 'revise' | 'soFar' | 'stage' | 'task' | 'taskDiscussion' | 'tools' | 'waiting'
  role?: string
  work?: string
  stage?: string
}

const FIXED: Readonly<Record<string, PartName['key']>> = {
  context: 'context',
  'discussion-new': 'waiting',
  'discussion-so-far': 'soFar',
  issue: 'issue',
  output: 'output',
  'output-discussion': 'output',
  'output-review': 'outputReview',
  policy: 'policy',
  'pull-request': 'pullRequest',
  remark: 'remark',
  revise: 'revise',
  'task-discussion': 'taskDiscussion',
  tools: 'tools',
}

/** `undefined` for a template that this console does not know; it is shown under its own name. */
export function partName(name: string): PartName | undefined {
  const key = FIXED[name]
  if (key !== undefined) return { key }
  const [, role, work] = /^task-(.+)-(work|review)$/.exec(name) ?? []
  if (role !== undefined && work !== undefined) return { key: 'task', role, work }
  const [, stage] = /^stage-(.+)$/.exec(name) ?? []
  return stage === undefined ? undefined : { key: 'stage', stage }
}
