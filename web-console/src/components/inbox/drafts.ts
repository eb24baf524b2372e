// Answers that are being written: kept while one looks at other requests, and when somebody else was quicker.
import { reactive } from 'vue'

import type { AnswerGiven, Approval } from '@/api/types'

export interface Draft {
  /** Which choice, from 0; the one after the options is one's own words. */
  choice: number | null
  words: string
  /** It was sent, and came too late. */
  late: boolean
}

/** As much of a request as an answer to it needs. */
type Asked = Pick<Approval, 'id' | 'allow_custom' | 'options'>

const drafts = reactive(new Map<string, Draft>())

export function draftOf(id: string): Draft {
  const known = drafts.get(id)
  if (known !== undefined) return known
  drafts.set(id, { choice: null, words: '', late: false })
  return draftOf(id)
}

export function dropDraft(id: string): void {
  drafts.delete(id)
}

export function isOwn({ options }: Asked, { choice }: Draft): boolean {
  return choice === options.length
}

/** How many can be chosen from: the options, and one's own words where they are taken. */
export function choicesOf({ options, allow_custom }: Asked): number {
  return options.length + (allow_custom ? 1 : 0)
}

/** What would be sent; `undefined` while nothing is chosen or nothing is written. */
export function givenBy(asked: Asked, draft: Draft): AnswerGiven | undefined {
  const words = draft.words.trim()
  if (isOwn(asked, draft)) return words === '' ? undefined : { text: words }
  return draft.choice === null ? undefined : { option: draft.choice }
}

/** The same as words. */
export function wordsOf({ options }: Asked, { option, text = '' }: AnswerGiven): string {
  return option === undefined ? text : (options[option] ?? '')
}

/** What was written or sent for nothing: the request was settled before it arrived. */
export function unsent(approval: Asked & { state: string }, draft: Draft): string {
  if (approval.state === 'requested') return ''
  if (draft.words.trim() !== '') return draft.words.trim()
  return draft.late && draft.choice !== null ? (approval.options[draft.choice] ?? '') : ''
}
