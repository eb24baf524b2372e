// The editor's own words in Russian.
import 'monaco-editor/nls/lang/ru'
