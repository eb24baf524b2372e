// Times, durations and numbers in the reader's language and zone.
import { useIntervalFn, useNow } from '@vueuse/core'
import { computed } from 'vue'
import { useI18n } from 'vue-i18n'

const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
]
const BYTES = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const
const THIN_SPACE = '\u202f'

/** One clock for the whole console. */
const now = useNow({ scheduler: (tick) => useIntervalFn(tick, 1000) })

export function useFormat() {
  const { locale, t } = useI18n()
  const relative = computed(() => new Intl.RelativeTimeFormat(locale.value, { numeric: 'auto' }))
  const full = computed(() => new Intl.DateTimeFormat(locale.value, { dateStyle: 'medium', timeStyle: 'long' }))
  const clock = computed(
    () => new Intl.DateTimeFormat(locale.value, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }),
  )

  const day = computed(
    () => new Intl.DateTimeFormat(locale.value, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }),
  )

  function ago(at: string): string {
    const seconds = Math.round((Date.parse(at) - now.value.getTime()) / 1000)
    const fitting = UNITS.find(([, size]) => Math.abs(seconds) >= size)
    if (fitting === undefined) return seconds > 5 ? t('time.soon') : t('time.justNow')
    return relative.value.format(Math.trunc(seconds / fitting[1]), fitting[0])
  }

  function unit(value: number, name: 'day' | 'hour' | 'minute' | 'second'): string {
    return new Intl.NumberFormat(locale.value, { style: 'unit', unit: name, unitDisplay: 'short' }).format(value)
  }

  /** The two greatest units of a span of time. */
  function span(milliseconds: number): string {
    const seconds = Math.max(0, Math.round(milliseconds / 1000))
    if (seconds < 60) return unit(seconds, 'second')
    const minutes = Math.floor(seconds / 60)
    if (minutes < 60) return `${unit(minutes, 'minute')} ${unit(seconds % 60, 'second')}`
    const hours = Math.floor(minutes / 60)
    if (hours < 48) return `${unit(hours, 'hour')} ${unit(minutes % 60, 'minute')}`
    return unit(Math.floor(hours / 24), 'day')
  }

  return {
    ago,
    span,
    /** Within the hour. */
    isSoon: (at: string) => Date.parse(at) - now.value.getTime() < 3_600_000,
    exact: (at: string) => full.value.format(new Date(at)),
    /** A short span to a tenth of a second, a longer one as everywhere. */
    precisely(from: string, to: string): string {
      const seconds = Math.max(0, Date.parse(to) - Date.parse(from)) / 1000
      if (seconds < 0.1) return `< ${unit(0.1, 'second')}`
      return seconds < 10 ? unit(Math.round(seconds * 10) / 10, 'second') : span(seconds * 1000)
    },
    clock: (at: string) => clock.value.format(new Date(at)),
    /** The time of day, and the day where it is another one than today. */
    moment(at: string): string {
      const date = new Date(at)
      return (date.toDateString() === now.value.toDateString() ? clock : day).value.format(date)
    },
    /** Between two moments; until now when the second is not there yet. */
    between: (from: string, to: string | undefined) =>
      span((to === undefined ? now.value.getTime() : Date.parse(to)) - Date.parse(from)),
    /** An amount of data in its greatest unit. */
    bytes(value: number): string {
      const power = Math.min(BYTES.length - 1, Math.floor(Math.log10(Math.max(1, value)) / 3))
      const amount = value / 1000 ** power
      const digits = power > 0 && amount < 10 ? 1 : 0
      const style = { style: 'unit', unit: BYTES[power], unitDisplay: power === 0 ? 'narrow' : 'short', maximumFractionDigits: digits } as const
      return new Intl.NumberFormat(locale.value, style).format(amount)
    },
    /** Digits in groups of three, a thin space between them. */
    number: (value: number) =>
      new Intl.NumberFormat('en')
        .formatToParts(value)
        .map(({ type, value: part }) => (type === 'group' ? THIN_SPACE : part))
        .join(''),
  }
}
