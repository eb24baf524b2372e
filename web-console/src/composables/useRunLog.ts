// A run's log on the screen: begins when the run page opens, ends when it closes.
import { useQueryClient } from '@tanstack/vue-query'
import { onScopeDispose, shallowRef, watch, type Ref } from 'vue'

import { followRun } from '@/live/subscribe'
import { LogBuffer } from '@/log/buffer'

export function useRunLog(runId: Readonly<Ref<string>>) {
  const cache = useQueryClient()
  const log = shallowRef(new LogBuffer())
  const error = shallowRef<unknown>()
  let leave = new AbortController()

  function begin(): void {
    leave.abort()
    leave = new AbortController()
    const { signal } = leave
    error.value = undefined
    followRun(cache, runId.value, log.value, signal).catch((reason: unknown) => {
      if (!signal.aborted) error.value = reason
    })
  }

  watch(
    runId,
    () => {
      log.value = new LogBuffer()
      begin()
    },
    { immediate: true },
  )
  onScopeDispose(() => leave.abort())
  return { log, error, retry: begin }
}
