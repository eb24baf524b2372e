# What an agent's pod runs: the runner, codex with the host of its code mode beside it, and tools to work with.
ARG BASE=docker.io/library/debian:bookworm
FROM ${BASE}
COPY codex codex-code-mode-host /opt/codex/bin/
COPY rg agent-runner /usr/local/bin/
ENV PATH=/opt/codex/bin:/usr/local/bin:/usr/bin:/bin
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/agent-runner"]
