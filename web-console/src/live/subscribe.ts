// The only module that listens to the live streams. It writes into the query cache and into a run's log; screens read those.
import type { QueryClient } from '@tanstack/vue-query'

import { api, bodyOf } from '@/api/client'
import { isRecord } from '@/api/problem'
import { readStream } from '@/api/stream'
import type { FlowEvent, FlowEventList, Run, RunEvent, WaitList } from '@/api/types'
import type { LogBuffer } from '@/log/buffer'
import { keys } from '@/queries/keys'
import { worthRetrying } from '@/queries/retry'
import { RUN_STATUS } from '@/status'
import { reportAs } from './connection'
import { approvalsIn } from './approvals'
import { isRun, newerRun, replaceInPages, type RunPages } from './version'

const EVENTS_A_PAGE = 5000
/** Lists that a change may have reordered, and places in a queue, are read again, at most this often. */
const LIST_REFRESH_MS = 1000

function parse(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    return undefined
  }
}

function isRunEvent(value: unknown): value is RunEvent {
  return isRecord(value) && typeof value['position'] === 'number' && typeof value['text'] === 'string' && 'kind' in value
}

function isFlowEvent(value: unknown): value is FlowEvent {
  return isRecord(value) && typeof value['seq'] === 'number' && typeof value['kind'] === 'string' && 'actor' in value
}

/**
 * Writes a run into its own entry and into every list that shows it. Says whether some list has to be read again: it does
 * not know the run yet, or others move up in it.
 */
export function putRun(cache: QueryClient, run: Run): { outdated: boolean } {
  cache.setQueryData<Run>(keys.run(run.id), (known) => (known === undefined ? undefined : newerRun(known, run)))
  let outdated = putWait(cache, run)
  if (isAsking(cache, run) || showsHosts(cache)) outdated = true
  for (const [key, pages] of cache.getQueriesData<RunPages>({ queryKey: keys.runLists })) {
    if (pages === undefined) continue
    const next = replaceInPages(pages, run)
    if (next === undefined) outdated = true
    else cache.setQueryData(key, next)
  }
  return { outdated }
}

/** Among the runs that wait. A run that stays in the list without waiting is not shown there. */
function putWait(cache: QueryClient, run: Run): boolean {
  const list = cache.getQueryData<WaitList>(keys.waits)
  if (list === undefined) return false
  const known = list.items.find(({ id }) => id === run.id)
  const kept = newerRun(known, run)
  if (known !== undefined) {
    cache.setQueryData<WaitList>(keys.waits, { ...list, items: list.items.map((item) => (item.id === run.id ? kept : item)) })
  }
  return known?.waits?.for !== kept.waits?.for || known?.waits?.since !== kept.waits?.since
}

/** It waits for an answer, or a request of it is shown as open: what is asked may have changed with it. */
function isAsking(cache: QueryClient, run: Run): boolean {
  if (run.waits?.for === 'answer') return true
  const shown = cache.getQueriesData({ queryKey: keys.approvals }).flatMap(([, data]) => approvalsIn(data))
  return shown.some(({ run_id, state }) => run_id === run.id && state === 'requested')
}

/** Hosts that agents ask for are on the screen, and any run may ask for another one. */
function showsHosts(cache: QueryClient): boolean {
  return cache.getQueryCache().findAll({ queryKey: keys.hosts, type: 'active' }).length > 0
}

/** It also says that systems of others ask something, or that it was decided. */
function toldAnew(cache: QueryClient): void {
  for (const queryKey of [keys.notifications, keys.outside, keys.approvalsForMe]) void cache.invalidateQueries({ queryKey })
}

export function addFlowEvent(cache: QueryClient, runId: string, event: FlowEvent): void {
  cache.setQueryData<FlowEventList>(keys.timeline(runId), (known) => {
    if (known === undefined || known.items.some(({ seq }) => seq === event.seq)) return known
    return { items: [...known.items, event].toSorted((a, b) => a.seq - b.seq) }
  })
}

/** Follows all runs until aborted. */
export async function followRuns(cache: QueryClient, signal: AbortSignal): Promise<void> {
  const report = reportAs('runs')
  let timer: ReturnType<typeof setTimeout> | undefined
  const refreshLists = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined
      void cache.invalidateQueries({ queryKey: keys.runLists })
      void cache.invalidateQueries({ queryKey: keys.waits })
      void cache.invalidateQueries({ queryKey: keys.approvals })
      void cache.invalidateQueries({ queryKey: keys.hosts })
      void cache.invalidateQueries({ queryKey: keys.outside })
      void cache.invalidateQueries({ predicate: ({ state }) => isRun(state.data) && state.data.waits !== undefined })
    }, LIST_REFRESH_MS)
  }
  try {
    await readStream({
      path: '/api/v1/staff/runs/stream',
      signal,
      onOpen: () => {
        report.open()
        // Lists may be older than the stream, also than the first one: nobody tells again what changed in between.
        refreshLists()
      },
      onLost: report.lost,
      isComplete: () => false,
      onMessage: ({ event, data }) => {
        if (event === 'notifications') toldAnew(cache)
        const value = event === 'run' ? parse(data) : undefined
        if (!isRun(value)) return
        const { outdated } = putRun(cache, value)
        if (outdated || RUN_STATUS[value.status].over) refreshLists()
      },
    })
  } finally {
    clearTimeout(timer)
    report.closed()
  }
}

/** Brings a run's log up to date, then follows run, audit and log until the run is over or `signal` aborts. */
export async function followRun(cache: QueryClient, runId: string, log: LogBuffer, signal: AbortSignal): Promise<void> {
  const report = reportAs(`run ${runId}`)
  try {
    await readStoredEvents(cache, runId, log, signal)
    await readStream({
      path: `/api/v1/staff/runs/${runId}/stream`,
      lastEventId: String(log.lastPosition),
      signal,
      onOpen: () => {
        report.open()
        catchUp(cache, runId)
      },
      onLost: report.lost,
      isComplete: () => isOver(cache.getQueryData<Run>(keys.run(runId))),
      onMessage: ({ event, data }) => receive(cache, runId, log, event, parse(data)),
    })
    if (!signal.aborted) catchUp(cache, runId)
  } finally {
    report.closed()
  }
}

async function readStoredEvents(cache: QueryClient, runId: string, log: LogBuffer, signal: AbortSignal): Promise<void> {
  let more = true
  while (more && !signal.aborted) {
    const params = { path: { run_id: runId }, query: { after: log.lastPosition, limit: EVENTS_A_PAGE } }
    const page = await cache.fetchQuery({
      queryKey: keys.events(runId, log.lastPosition),
      queryFn: () => bodyOf(api.GET('/api/v1/staff/runs/{run_id}/events', { params, signal })),
      retry: worthRetrying,
      staleTime: 0,
      gcTime: 0,
    })
    if (signal.aborted) return
    log.add(page.items)
    more = page.more && page.items.length > 0
  }
  log.markCaughtUp()
}

function receive(cache: QueryClient, runId: string, log: LogBuffer, event: string, value: unknown): void {
  if (event === 'event' && isRunEvent(value)) log.add([value])
  if (event === 'flow' && isFlowEvent(value)) {
    addFlowEvent(cache, runId, value)
    if (value.kind.startsWith('request.')) void cache.invalidateQueries({ queryKey: keys.approvals })
    if (value.kind.startsWith('egress.')) void cache.invalidateQueries({ queryKey: keys.hosts })
  }
  if (event === 'run' && isRun(value)) putRun(cache, value)
}

function catchUp(cache: QueryClient, runId: string): void {
  void cache.invalidateQueries({ queryKey: keys.run(runId), exact: true })
  void cache.invalidateQueries({ queryKey: keys.timeline(runId) })
  void cache.invalidateQueries({ queryKey: keys.approvals })
}

function isOver(run: Run | undefined): boolean {
  return run !== undefined && RUN_STATUS[run.status].over
}
