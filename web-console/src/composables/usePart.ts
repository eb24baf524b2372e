// What a part of a prompt is called in the reader's language.
import { useI18n } from 'vue-i18n'

import { partName } from '@/components/prompt/part'

export function usePart() {
  const { t } = useI18n()
  return (name: string): string => {
    const part = partName(name)
    if (part === undefined) return name
    const { key, role = '', stage = '', work = 'work' } = part
    return t(`prompt.part.${key}`, { role, stage, work: t(`prompt.work.${work}`) })
  }
}
