# One of the platform's services.
ARG BASE=docker.io/library/debian:bookworm
FROM ${BASE}
COPY service /usr/local/bin/service
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/service"]
