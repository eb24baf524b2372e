// A run's `version` grows with every change. Answers and live events overtake each other; the newer copy always stays.
import type { InfiniteData } from '@tanstack/vue-query'

import { isRecord } from '@/api/problem'
import type { Run, RunPage } from '@/api/types'

export function newerRun(known: Run | undefined, arrived: Run): Run {
  return known !== undefined && known.id === arrived.id && known.version > arrived.version ? known : arrived
}

export type RunPages = InfiniteData<RunPage, string | undefined>

/** Puts a run into the pages that already show it; `undefined` when none does. */
export function replaceInPages(pages: RunPages, run: Run): RunPages | undefined {
  let found = false
  const next = pages.pages.map((page) => {
    const index = page.items.findIndex((item) => item.id === run.id)
    if (index < 0) return page
    found = true
    return { ...page, items: page.items.map((item, at) => (at === index ? newerRun(item, run) : item)) }
  })
  return found ? { ...pages, pages: next } : undefined
}

/** Fresh runs from the server, except where a live event has already brought a newer copy. */
export function keepNewer(known: readonly Run[], fresh: readonly Run[]): Run[] {
  const byId = new Map(known.map((run) => [run.id, run]))
  return fresh.map((run) => newerRun(byId.get(run.id), run))
}

/** The same for fresh pages. */
export function keepNewerRuns(known: RunPages | undefined, fresh: RunPages): RunPages {
  if (known === undefined) return fresh
  const runs = known.pages.flatMap((page) => page.items)
  return { ...fresh, pages: fresh.pages.map((page) => ({ ...page, items: keepNewer(runs, page.items) })) }
}

export function isRun(value: unknown): value is Run {
  return isRecord(value) && typeof value['id'] === 'string' && typeof value['version'] === 'number' && 'status' in value
}
