# The agent's tools and codex, with the host of its code mode beside it: a layer that a new runner leaves alone.
ARG BASE=docker.io/library/debian:bookworm
FROM ${BASE}
COPY codex codex-code-mode-host /opt/codex/bin/
COPY rg /usr/local/bin/
ENV PATH=/opt/codex/bin:/usr/local/bin:/usr/bin:/bin
