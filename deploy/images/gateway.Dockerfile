# The gateway, with the console's built files.
ARG BASE=docker.io/library/debian:bookworm
FROM ${BASE}
COPY service /usr/local/bin/service
ADD console.tar /usr/share/codex-k8s/console/
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/service"]
