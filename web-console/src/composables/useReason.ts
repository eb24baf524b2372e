// Stable codes as sentences. A code that this console does not know yet is shown as it is, never hidden.
import { useI18n } from 'vue-i18n'

import { ApiProblem, fieldMessages, SignedOut, Unreachable } from '@/api/problem'

export interface Wording {
  title: string
  help: string
  code?: string
}

export function useReason() {
  const { t, te } = useI18n()

  function reason(group: 'delivery' | 'run', code: string): string {
    const key = `reason.${group}.${code}`
    return te(key) ? t(key) : t('reason.unknown', { code })
  }

  /** What failed and what to do, for any error a request can end with. */
  function failure(error: unknown): Wording {
    if (error instanceof SignedOut) return { title: t('error.signedOut'), help: t('error.signedOutHelp') }
    if (error instanceof Unreachable) return { title: t('error.unreachable'), help: t('error.unreachableHelp') }
    if (!(error instanceof ApiProblem)) return { title: t('error.unexpected'), help: t('error.unexpectedHelp') }
    const { code, status, detail, title } = error.problem
    const key = `problem.${code}`
    if (te(key)) return { title: t(key), help: detail ?? '', code }
    if (status === 404) return { title: t('error.notFound'), help: t('error.notFoundHelp'), code }
    if (status === 403) return { title: t('error.forbidden'), help: t('error.forbiddenHelp'), code }
    if (status >= 500) return { title: t('error.server'), help: t('error.serverHelp'), code }
    return { title, help: detail ?? t('error.refusedHelp'), code }
  }

  /** Messages for the fields of a form: our own words where the problem's code says it all, else the server's. */
  function fields(error: unknown): Record<string, string> {
    const messages = fieldMessages(error)
    const key = error instanceof ApiProblem ? `problemField.${error.problem.code}` : ''
    if (!te(key)) return messages
    return Object.fromEntries(Object.keys(messages).map((field) => [field, t(key)]))
  }

  return { reason, failure, fields }
}
