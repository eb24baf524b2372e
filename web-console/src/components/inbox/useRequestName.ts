// What a request is called: a question by its own words, an action by what it would do.
import { useI18n } from 'vue-i18n'

import type { Approval } from '@/api/types'

/** As much of a request as its name is made of. */
type Named = Partial<Pick<Approval, 'action' | 'question' | 'tool'>>

export function useRequestName(): (asked: Named) => string {
  const { t } = useI18n()
  return ({ action, question, tool = '' }) => {
    const { labels, object, secret, database } = action ?? {}
    if (object !== undefined) {
      const { act, kind, name } = object
      return t(`inbox.object.name.${object.is_new ? 'make' : act}`, { kind, name })
    }
    if (database !== undefined) return t(`inbox.database.name.${database.action}`, { name: database.database_name, environment: database.environment })
    if (secret !== undefined) return t('inbox.secret.name', { name: secret.github_secret_name, environment: secret.environment })
    if (labels === undefined) return question ?? tool
    const [adds, removes, number] = [labels.adds.join(', '), labels.removes.join(', '), labels.number]
    if (removes === '') return t('inbox.action.adds', { adds, number })
    if (adds === '') return t('inbox.action.removes', { removes, number })
    return t('inbox.action.moves', { adds, removes, number })
  }
}
