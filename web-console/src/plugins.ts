// Vuetify with our colours. Every text colour has a contrast of at least 4.5 on the surfaces it is used on.
import { mdiCloseCircle, mdiMenuDown } from '@mdi/js'
import { createVuetify } from 'vuetify'
import { mdi } from 'vuetify/iconsets/mdi-svg'

const light = {
  dark: false,
  colors: {
    background: '#f6f7f9',
    surface: '#ffffff',
    'surface-variant': '#3d4450',
    'on-surface-variant': '#f1f3f6',
    'on-background': '#1c2027',
    'on-surface': '#1c2027',
    primary: '#3451c7',
    'on-primary': '#ffffff',
    secondary: '#4c5563',
    success: '#146c3e',
    error: '#b3261e',
    warning: '#8a4b00',
    info: '#175e9c',
    neutral: '#555d6b',
  },
  variables: { 'border-color': '#1c2027', 'border-opacity': 0.12, 'medium-emphasis-opacity': 0.72 },
}

const dark = {
  dark: true,
  colors: {
    background: '#101216',
    surface: '#181b21',
    'surface-variant': '#c6cbd5',
    'on-surface-variant': '#1c2027',
    'on-background': '#e6e8ec',
    'on-surface': '#e6e8ec',
    primary: '#9db1ff',
    'on-primary': '#0d1533',
    secondary: '#a9b1be',
    success: '#6fd6a0',
    error: '#ff9a92',
    warning: '#f5bd74',
    info: '#86c3f7',
    neutral: '#a9b1be',
  },
  variables: { 'border-color': '#e6e8ec', 'border-opacity': 0.14, 'medium-emphasis-opacity': 0.74 },
}

export const vuetify = createVuetify({
  // Vuetify's own list of icons is for all its components; these are what those need that the console uses.
  icons: { defaultSet: 'mdi', aliases: { clear: mdiCloseCircle, dropdown: mdiMenuDown }, sets: { mdi } },
  theme: { defaultTheme: 'system', themes: { light, dark } },
  defaults: {
    VBtn: { variant: 'text' },
    VTextField: { variant: 'outlined', density: 'compact', hideDetails: 'auto' },
    VTextarea: { variant: 'outlined', density: 'compact', hideDetails: 'auto' },
    VSelect: { variant: 'outlined', density: 'compact', hideDetails: 'auto' },
    VAutocomplete: { variant: 'outlined', density: 'compact', hideDetails: 'auto' },
    VSwitch: { color: 'primary', density: 'compact', hideDetails: true },
  },
})
