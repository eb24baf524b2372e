// A policy as facts that people read, and what tells two versions apart.
import { useI18n } from 'vue-i18n'

import type { AgentPolicy } from '@/api/types'
import { useFormat } from '@/composables/useFormat'

export interface Fact {
  /** What it is about. */
  name: string
  text: string
}

export interface Change {
  name: string
  before: string | undefined
  after: string | undefined
}

/** What the second has of facts that the first has not or has otherwise, and what is gone. */
export function changes(before: readonly Fact[], after: readonly Fact[]): Change[] {
  const [then, now] = [before, after].map((facts) => new Map(facts.map(({ name, text }) => [name, text])))
  const names = [...new Set([...after, ...before].map(({ name }) => name))]
  return names.map((name) => ({ name, before: then?.get(name), after: now?.get(name) })).filter(({ before: was, after: is }) => was !== is)
}

export function usePolicyWords() {
  const { t } = useI18n()
  const { span } = useFormat()

  function rightsOf({ rights }: AgentPolicy): string {
    return rights.length === 0 ? t('agent.rights.none') : rights.map((right) => t(`agent.rights.${right}`)).join(', ')
  }

  /** Everything that a policy says, each under a name of its own. */
  function facts(policy: AgentPolicy): Fact[] {
    return [
      { name: t('agent.field.responsibility'), text: policy.responsibility ?? '' },
      { name: t('agent.field.mode'), text: t(`tool.mode.${policy.mode}`) },
      { name: t('agent.field.rights'), text: rightsOf(policy) },
      { name: t('agent.field.parallel_runs'), text: String(policy.parallel_runs) },
      { name: t('agent.field.time_limit_seconds'), text: span(policy.time_limit_seconds * 1000) },
      { name: t('agent.field.namespace_ttl_seconds'), text: span(policy.namespace_ttl_seconds * 1000) },
      ...policy.tools_off.map((tool) => ({ name: tool, text: t('agent.tools.off') })),
      ...Object.entries(policy.tool_modes).map(([tool, mode]) => ({ name: t('agent.mode.of', { tool }), text: t(`agent.mode.${mode}`) })),
    ]
  }

  return { rightsOf, facts }
}
