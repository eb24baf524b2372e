# What an agent's pod runs. BASE is the image that codex.Dockerfile makes.
ARG BASE=localhost/codex-k8s/base-codex
FROM ${BASE}
COPY agent-runner /usr/local/bin/
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/agent-runner"]
