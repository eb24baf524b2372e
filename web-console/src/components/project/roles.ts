// The roles of a project, most rights first.
import type { ProjectRole } from '@/api/types'

export const PROJECT_ROLES: readonly ProjectRole[] = ['admin', 'read_write', 'read']
