// Templates only: oxlint reads the scripts, vue-tsc the types.
import vue from 'eslint-plugin-vue'
import ts from 'typescript-eslint'

export default [
  ...vue.configs['flat/recommended'],
  {
    files: ['src/**/*.vue'],
    languageOptions: { parserOptions: { parser: ts.parser, sourceType: 'module' } },
    rules: {
      'max-lines': ['error', { max: 300 }],
      'vue/no-v-html': 'error',
      'vue/multi-word-component-names': 'off',
      'vue/html-self-closing': ['error', { html: { void: 'any' } }],
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/multiline-html-element-content-newline': 'off',
      'vue/html-indent': 'off',
      'vue/html-closing-bracket-newline': 'off',
      'vue/first-attribute-linebreak': 'off',
      'vue/require-default-prop': 'off',
      'vue/no-bare-strings-in-template': ['error', { allowlist: ['codex-k8s', '·', '#', '…', '—', '/', '(', ')', ':', '×', '@', '$'] }],
    },
  },
]
