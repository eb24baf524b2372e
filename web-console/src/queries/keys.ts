// The names of everything in the query cache, in one place, so that a write finds what a read has stored.
import type { Locale } from '@/api/types'

export interface RunFilters {
  project_id?: string
  repository_id?: string
  status?: string
  active?: boolean
  q?: string
}

export interface DeliveryFilters {
  repository_id?: string
  decision?: string
  event?: string
  subject_number?: number
}

export interface ApprovalFilters {
  state?: 'open' | 'decided'
  project_id?: string
  run_id?: string
}

export type HostFilters = ApprovalFilters
export type OutsideFilters = Omit<ApprovalFilters, 'run_id'>

/** Where a template stands in; without a project, for every one. */
export interface PlaceName {
  key: string
  locale: Locale
  project?: string
}

export const keys = {
  me: ['me'],
  users: ['users'],
  tools: ['tools'],
  projects: ['projects'],
  project: (id: string) => ['projects', id],
  repositories: (project: string) => ['projects', project, 'repositories'],
  members: (project: string) => ['projects', project, 'members'],
  letIns: (project: string) => ['projects', project, 'let-ins'],
  channels: (project: string) => ['projects', project, 'channels'],
  integrations: (project: string) => ['projects', project, 'integrations'],
  environments: (project: string) => ['projects', project, 'environments'],
  grants: (project: string) => ['projects', project, 'grants'],
  agentLists: ['agents', 'of-project'],
  agents: (project: string) => ['agents', 'of-project', project],
  agent: (id: string) => ['agents', 'one', id],
  runLists: ['run-list'],
  runList: (filters: RunFilters) => ['run-list', filters],
  waits: ['waits'],
  approvals: ['approvals'],
  approvalsForMe: ['approvals', 'for-me'],
  approvalLists: ['approvals', 'list'],
  approvalList: (filters: ApprovalFilters) => ['approvals', 'list', filters],
  approval: (id: string) => ['approvals', 'one', id],
  notifications: ['notifications'],
  newestNotifications: ['notifications', 'newest'],
  notificationList: (unread: boolean) => ['notifications', 'list', unread],
  notificationChoices: ['notification-choices'],
  outside: ['outside'],
  outsideList: (filters: OutsideFilters) => ['outside', 'list', filters],
  outsideRequest: (id: string) => ['outside', 'one', id],
  hosts: ['hosts'],
  hostList: (filters: HostFilters) => ['hosts', filters],
  run: (id: string) => ['run', id],
  events: (id: string, after: number) => ['run-events', id, after],
  conversation: (id: string, status: string) => ['run', id, 'conversation', status],
  timeline: (id: string) => ['run', id, 'timeline'],
  nextSteps: (id: string, status: string) => ['next-steps', id, status],
  nextStepsOf: (id: string) => ['next-steps', id],
  runPrompt: (id: string) => ['run', id, 'prompt'],
  templates: ['templates'],
  templatePlaces: (project: string | undefined) => ['templates', 'places', project ?? ''],
  templatePlace: (place: PlaceName) => ['templates', 'place', place],
  template: (id: string) => ['templates', 'version', id],
  promptPreview: (asked: object) => ['prompt-preview', asked],
  deliveryLists: ['delivery-list'],
  deliveryList: (filters: DeliveryFilters) => ['delivery-list', filters],
  delivery: (id: string) => ['delivery', id],
} as const
