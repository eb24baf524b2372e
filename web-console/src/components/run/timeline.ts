// Audit events as the entries of a timeline: what is worth a line of its own, how long it took, what went with it.
import {
  mdiAccountCancelOutline,
  mdiAccountEyeOutline,
  mdiAlertCircleOutline,
  mdiBird,
  mdiCheckDecagramOutline,
  mdiCircleSmall,
  mdiCommentCheckOutline,
  mdiCommentQuestionOutline,
  mdiConsoleLine,
  mdiCubeOutline,
  mdiDeleteOutline,
  mdiFlagCheckered,
  mdiHammerWrench,
  mdiKubernetes,
  mdiLanConnect,
  mdiPauseCircleOutline,
  mdiProgressClock,
  mdiServerNetworkOutline,
  mdiShieldAlertOutline,
  mdiSourceBranch,
  mdiSourceMerge,
  mdiSourcePull,
  mdiTagOutline,
  mdiTextBoxEditOutline,
  mdiTimerAlertOutline,
  mdiTrayArrowDown,
} from '@mdi/js'

import type { FlowEvent } from '@/api/types'
import { RUN_STATUS, type Tone } from '@/status'

export interface FlowLook {
  icon: string
  tone: Tone
}

/** Kinds that this console knows; others are shown with their code. */
export const FLOW_LOOKS: Readonly<Record<string, FlowLook>> = {
  'run.created': { icon: mdiTagOutline, tone: 'neutral' },
  'run.claimed': { icon: mdiTrayArrowDown, tone: 'neutral' },
  'run.taken_over': { icon: mdiTrayArrowDown, tone: 'warning' },
  'run.parked': { icon: mdiProgressClock, tone: 'warning' },
  'run.resumed': { icon: mdiTrayArrowDown, tone: 'neutral' },
  'run.model_chosen': { icon: mdiTagOutline, tone: 'neutral' },
  'namespace.ready': { icon: mdiKubernetes, tone: 'neutral' },
  'job.created': { icon: mdiCubeOutline, tone: 'neutral' },
  'pod.running': { icon: mdiCubeOutline, tone: 'info' },
  'agent.started': { icon: mdiConsoleLine, tone: 'info' },
  'agent.reported': { icon: mdiConsoleLine, tone: 'info' },
  'launch.failed': { icon: mdiAlertCircleOutline, tone: 'error' },
  'branch.seen': { icon: mdiSourceBranch, tone: 'neutral' },
  'pr.opened': { icon: mdiSourcePull, tone: 'success' },
  'pr.updated': { icon: mdiSourcePull, tone: 'success' },
  'run.handed_in': { icon: mdiAccountEyeOutline, tone: 'info' },
  'run.taken_up': { icon: mdiSourceBranch, tone: 'neutral' },
  'run.superseded': { icon: mdiSourceBranch, tone: 'warning' },
  'review.approved': { icon: mdiCheckDecagramOutline, tone: 'success' },
  'pr.merged': { icon: mdiSourceMerge, tone: 'success' },
  'pr.closed': { icon: mdiSourcePull, tone: 'warning' },
  'run.cancel_requested': { icon: mdiAccountCancelOutline, tone: 'warning' },
  'run.finished': { icon: mdiFlagCheckered, tone: 'neutral' },
  'namespace.taken_over': { icon: mdiKubernetes, tone: 'neutral' },
  'namespace.replaced': { icon: mdiKubernetes, tone: 'warning' },
  'namespace.kept': { icon: mdiKubernetes, tone: 'info' },
  'namespace.released': { icon: mdiKubernetes, tone: 'neutral' },
  'namespace.cut_short': { icon: mdiKubernetes, tone: 'neutral' },
  'namespace.stuck': { icon: mdiAlertCircleOutline, tone: 'error' },
  'namespace.deleted': { icon: mdiDeleteOutline, tone: 'neutral' },
  'egress.refused': { icon: mdiShieldAlertOutline, tone: 'error' },
  'egress.opened': { icon: mdiLanConnect, tone: 'neutral' },
  'egress.closed': { icon: mdiLanConnect, tone: 'neutral' },
  'egress.asked': { icon: mdiCommentQuestionOutline, tone: 'warning' },
  'egress.decided': { icon: mdiCommentCheckOutline, tone: 'info' },
  'git.refused': { icon: mdiShieldAlertOutline, tone: 'error' },
  'git.pushed': { icon: mdiSourceBranch, tone: 'neutral' },
  'model.refused': { icon: mdiShieldAlertOutline, tone: 'error' },
  'canary.tripped': { icon: mdiBird, tone: 'error' },
  'request.made': { icon: mdiCommentQuestionOutline, tone: 'warning' },
  'request.answered': { icon: mdiCommentCheckOutline, tone: 'success' },
  'request.expired': { icon: mdiTimerAlertOutline, tone: 'warning' },
  'request.approved': { icon: mdiCommentCheckOutline, tone: 'success' },
  'request.denied': { icon: mdiAccountCancelOutline, tone: 'warning' },
  'request.ruled': { icon: mdiAccountEyeOutline, tone: 'info' },
  'request.stale': { icon: mdiTimerAlertOutline, tone: 'warning' },
  'request.applied': { icon: mdiCheckDecagramOutline, tone: 'success' },
  'request.withdrawn': { icon: mdiCommentQuestionOutline, tone: 'neutral' },
  'run.waits': { icon: mdiPauseCircleOutline, tone: 'warning' },
  'tool.called': { icon: mdiHammerWrench, tone: 'neutral' },
  'template.drafted': { icon: mdiTextBoxEditOutline, tone: 'neutral' },
  'template.activated': { icon: mdiTextBoxEditOutline, tone: 'success' },
  'template.rolled_back': { icon: mdiTextBoxEditOutline, tone: 'warning' },
  'template.archived': { icon: mdiTextBoxEditOutline, tone: 'neutral' },
  'agent.added': { icon: mdiAccountEyeOutline, tone: 'neutral' },
  'agent.changed': { icon: mdiAccountEyeOutline, tone: 'neutral' },
  'agent.rolled_back': { icon: mdiAccountEyeOutline, tone: 'warning' },
  'agent.removed': { icon: mdiAccountCancelOutline, tone: 'neutral' },
  'channel.added': { icon: mdiCommentQuestionOutline, tone: 'neutral' },
  'channel.changed': { icon: mdiCommentQuestionOutline, tone: 'neutral' },
  'channel.tried': { icon: mdiCommentQuestionOutline, tone: 'neutral' },
  'channel.removed': { icon: mdiCommentQuestionOutline, tone: 'neutral' },
  'integration.added': { icon: mdiCommentQuestionOutline, tone: 'neutral' },
  'integration.withdrawn': { icon: mdiCommentQuestionOutline, tone: 'neutral' },
  'outside.asked': { icon: mdiCommentQuestionOutline, tone: 'warning' },
  'outside.decided': { icon: mdiCommentCheckOutline, tone: 'success' },
  'outside.expired': { icon: mdiTimerAlertOutline, tone: 'warning' },
  'environment.added': { icon: mdiServerNetworkOutline, tone: 'neutral' },
  'environment.changed': { icon: mdiServerNetworkOutline, tone: 'neutral' },
  'environment.removed': { icon: mdiServerNetworkOutline, tone: 'neutral' },
  'words.let_in': { icon: mdiCommentCheckOutline, tone: 'warning' },
  'words.withdrawn': { icon: mdiCommentCheckOutline, tone: 'neutral' },
}

const UNKNOWN: FlowLook = { icon: mdiCircleSmall, tone: 'neutral' }
/** What merely happens while a phase lasts; it neither begins nor ends one. */
const ASIDES = new Set(['canary.tripped', 'egress.refused', 'egress.opened', 'egress.closed', 'egress.asked', 'egress.decided', 'git.refused', 'git.pushed', 'model.refused', 'run.cancel_requested', 'run.model_chosen', 'namespace.kept', 'namespace.released', 'namespace.cut_short', 'namespace.stuck', 'request.made', 'request.answered', 'request.approved', 'request.denied', 'request.ruled', 'request.stale', 'request.applied', 'request.expired', 'request.withdrawn', 'tool.called'])

export interface TimelineEntry {
  event: FlowEvent
  look: FlowLook
  /** The same thing that many times in a row. */
  times: number
  /** Where the phase that began here ended; absent for asides, for the last phase, and after the end. */
  until?: string
  /** The phase lasts. */
  open: boolean
  facts: { name: string; value: string }[]
}

/** Facts that the page tells elsewhere, for the whole run. */
const ELSEWHERE = new Set(['branch', 'digest', 'issue', 'job', 'namespace', 'number', 'old', 'pr_number', 'request', 'run', 'stage', 'status', 'url', 'worker'])
/** Events whose facts are the page's first sentence. */
const TOLD = new Set(['agent.reported', 'run.finished'])

function factsOf({ kind, data }: FlowEvent): TimelineEntry['facts'] {
  if (TOLD.has(kind)) return []
  return Object.entries(data).flatMap(([name, value]) => {
    if (ELSEWHERE.has(name) || (name === 'launch' && value === 1)) return []
    if (typeof value === 'string' && value !== '') return [{ name, value }]
    if (typeof value === 'number' || typeof value === 'boolean') return [{ name, value: String(value) }]
    return []
  })
}

/** An end looks like the state it left the run in. */
function lookOf({ kind, data }: FlowEvent): FlowLook {
  const look = FLOW_LOOKS[kind] ?? UNKNOWN
  if (kind !== 'run.finished') return look
  const [, state] = Object.entries(RUN_STATUS).find(([status]) => status === data['status']) ?? []
  return { ...look, tone: state?.tone ?? look.tone }
}

function sameAs(entry: TimelineEntry | undefined, event: FlowEvent): boolean {
  if (entry === undefined || !ASIDES.has(event.kind) || entry.event.kind !== event.kind) return false
  return JSON.stringify(entry.event.data) === JSON.stringify(event.data)
}

export function timelineEntries(events: readonly FlowEvent[], over: boolean): TimelineEntry[] {
  const entries: TimelineEntry[] = []
  for (const event of events) {
    const before = entries.at(-1)
    if (before !== undefined && sameAs(before, event)) {
      before.times += 1
      continue
    }
    entries.push({ event, look: lookOf(event), times: 1, open: false, facts: factsOf(event) })
  }
  const phases = entries.filter(({ event }) => !ASIDES.has(event.kind))
  for (const [at, entry] of phases.entries()) {
    const ended = entry.event.kind === 'run.finished' || entry.event.kind === 'namespace.deleted'
    const next = phases[at + 1]
    if (next !== undefined && !ended) entry.until = next.event.at
    entry.open = next === undefined && !ended && !over
  }
  return entries
}
