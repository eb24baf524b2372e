// Stable codes as sentences. A code that this console does not know yet is shown as it is, never hidden.
import { useI18n } from 'vue-i18n'

import { ApiProblem, fieldProblems, formField, SignedOut, Unreachable } from '@/api/problem'
import type { FieldProblem, Waits } from '@/api/types'
import { githubRight } from '@/rights'
import { WAIT_GROUP } from '@/status'
import { useFormat } from './useFormat'

export interface Wording {
  title: string
  help: string
  code?: string
}

/** What is wrong with a field, together with its hint, which would be hidden by it. */
function hinted(message: string | undefined, hint: string): string[] {
  return message === undefined ? [] : [`${message} ${hint}`]
}

export function useReason() {
  const { moment } = useFormat()
  const { t, te } = useI18n()

  function reason(group: 'delivery' | 'run', code: string): string {
    const key = `reason.${group}.${code}`
    return te(key) ? t(key) : t('reason.unknown', { code })
  }

  /** What a run waits for, and until when or how many stand before it, where that is known. */
  function waiting({ for: cause, place = 1, until }: Waits): string {
    const sentences = [t(`waits.${cause}`)]
    if (until !== undefined) sentences.push(t(cause === 'answer' ? 'waits.unanswered' : 'waits.until', { time: moment(until) }))
    // Whoever waits for a person or for a time stands in no queue yet.
    if (place > 1 && WAIT_GROUP[cause] === 'places') sentences.push(t('waits.place', { place }))
    return sentences.join(' ')
  }

  /** What failed and what to do, for any error a request can end with. */
  function failure(error: unknown): Wording {
    if (error instanceof SignedOut) return { title: t('error.signedOut'), help: t('error.signedOutHelp') }
    if (error instanceof Unreachable) return { title: t('error.unreachable'), help: t('error.unreachableHelp') }
    if (!(error instanceof ApiProblem)) return { title: t('error.unexpected'), help: t('error.unexpectedHelp') }
    const { code, status, detail, title } = error.problem
    const key = `problem.${code}`
    if (te(key)) return { title: t(key), help: detail ?? '', code }
    // What would start nothing is refused for the reason that the ledger gives.
    if (te(`reason.delivery.${code}`)) return { title: t(`reason.delivery.${code}`), help: '', code }
    if (status === 404) return { title: t('error.notFound'), help: t('error.notFoundHelp'), code }
    if (status === 403) return { title: t('error.forbidden'), help: t('error.forbiddenHelp'), code }
    if (status >= 500) return { title: t('error.server'), help: t('error.serverHelp'), code }
    return { title, help: detail ?? t('error.refusedHelp'), code }
  }

  /** What is wrong with a field: our own words where its code is known, else the server's. */
  function wrong({ code = '', line, message, what = '' }: FieldProblem): string {
    const needed = te(`checkFor.${code}`) ? t(`checkFor.${code}`) : what
    const right = githubRight(code)
    if (right !== undefined) return t('problemField.right', { right, what: needed })
    const key = [`problemField.${code}`, `prompt.fault.${code}`].find((name) => te(name))
    if (key === undefined) return message
    const words = t(key, { what: needed }, Number.parseInt(what, 10) || 1)
    return line === undefined ? words : t('prompt.line', { line, words })
  }

  /** Messages for the fields of a form, by the field's name. */
  function fields(error: unknown): Record<string, string> {
    return Object.fromEntries(fieldProblems(error).map((problem) => [formField(problem), wrong(problem)]))
  }

  return { reason, waiting, failure, wrong, fields, hinted }
}
